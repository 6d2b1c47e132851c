"""A search for the learning rate: it grows in every step until the loss does."""

import math
from pathlib import Path

import keras
import numpy as np

from tf_sphereface.training.batches import PartOrder, naming_damaged_records
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.preparation import prepared_training
from tf_sphereface.training.recipes.recipe import Recipe

_LOWEST, _HIGHEST, _STEPS = 1e-5, 10.0, 100
_SMOOTHING = 0.9  # share of the losses before
_LOST = 4.0  # times the lowest smoothed loss


def find_learning_rate(
    recipe: Recipe,
    records: Path,
    devices: int | None = None,
    *,
    lowest: float = _LOWEST,
    highest: float = _HIGHEST,
    steps: int = _STEPS,
) -> dict:
    """Trains while the learning rate grows, and tells where the loss falls fastest.

    Nothing is written. The search is of the recipe's first stage, at the beginning of a
    training: with annealing, of the loss before the margin counts.

    Args:
        recipe: Of the training; its own rate is not used.
        records: Folder of record shards.
        devices: As `training_strategy`.
        lowest: Rate of the first step.
        highest: Rate of the last step.
        steps: How many, if the loss is not lost before.

    Returns: Dict of `learning_rate`, where the smoothed loss falls fastest for a growth
        of the rate; `lowest_loss_at`, which is too high for a whole training; `rates`
        and `losses` of the steps, lists of floats.
    Raises: InputError as `train`; FloatingPointError if no loss is finite.
    Reference: Smith, Cyclical Learning Rates, https://arxiv.org/abs/1506.01186.
    """
    recipe = recipe.stages()[0]
    parts = recipe.optimizer.accumulation
    growth = keras.optimizers.schedules.ExponentialDecay(
        lowest, decay_steps=(steps - 1) * parts, decay_rate=highest / lowest
    )
    with (
        prepared_training(
            recipe, records, training_strategy(devices), growth
        ) as prepared,
        naming_damaged_records(records),
    ):
        order, search = PartOrder(recipe, records), _Search()
        prepared.classifier.fit(
            order.batches(prepared.classifier.backbone.pixel_contract, 0),
            steps_per_epoch=steps * parts,
            shuffle=False,
            verbose=0,
            callbacks=[search],
        )
    if not search.losses:
        raise FloatingPointError(
            f"the loss of the first step, at the rate {lowest:g}, is not finite: not "
            "the rate is wrong but the records, the initial weights or the precision"
        )
    rates, smoothed = search.rates[: len(search.losses)], np.array(search.smoothed)
    slopes = np.gradient(smoothed) if len(smoothed) > 1 else np.zeros(1)
    return {
        "learning_rate": float(f"{rates[np.argmin(slopes)]:.2g}"),
        "lowest_loss_at": float(f"{rates[np.argmin(smoothed)]:.2g}"),
        "rates": [float(f"{rate:.4g}") for rate in rates],
        "losses": [float(f"{loss:.5g}") for loss in search.losses],
    }


class _Search(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates, self.losses, self.smoothed, self._mean = [], [], [], 0.0

    def on_train_batch_begin(self, batch, logs=None):
        # Not by the step's number: loss scaling leaves steps out, and the rate waits.
        rate = self.model.optimizer.learning_rate
        self.rates.append(float(keras.ops.convert_to_numpy(rate)))
        self.model.reset_metrics()  # the loss of this step alone

    def on_train_batch_end(self, batch, logs=None):
        loss = logs["loss"]
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * loss
        # Without the zero that the mean began with.
        smoothed = self._mean / (1 - _SMOOTHING ** len(self.losses))
        self.smoothed.append(smoothed)
        if smoothed > _LOST * min(self.smoothed):
            self.model.stop_training = True
