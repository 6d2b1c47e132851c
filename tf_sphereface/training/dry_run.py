"""Size, speed and length of a training, from a few of its steps; nothing is written."""

import math
import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface.training.batches import PartOrder, naming_damaged_records
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.preparation import prepared_training
from tf_sphereface.training.recipes.recipe import Recipe

_WARM_UP, _MEASURED = 2, 20  # steps; the first ones compile
_MEGABYTE = 1 << 20


def dry_run(recipe: Recipe, records: Path, devices: int | None = None) -> list[dict]:
    """Trains a few steps of each stage and tells what the whole will take.

    Args:
        recipe: To be tried. Later stages begin with fresh weights.
        records: Folder of record shards.
        devices: As `training_strategy`.

    Returns: For each stage a dict: people, photos, parameters (of the backbone, of
        head and losses, and those that learn), memory_mb (on a device: of the weights;
        of the optimizer's state; of gradients; on a GPU the peak of all), steps, epochs
        (times that each photo is seen), step_seconds, images_per_second,
        expected_hours.
    Raises: InputError as `train`.
    """
    return [_measured(stage, records, devices) for stage in recipe.stages()]


def _measured(recipe, records, devices):
    with prepared_training(recipe, records, training_strategy(devices)) as prepared:
        classifier, manifest = prepared.classifier, prepared.manifest
        seconds = _seconds_of_a_step(classifier, recipe, records)
        images, steps = recipe.data.batch_size, recipe.schedule.steps
        shares = getattr(classifier, "shares", None)
        shared = 0 if shares is None else shares.num_classes * shares.width
        return {
            "people": len(manifest.identities),
            "photos": manifest.records,
            "parameters": {
                "backbone": _count(classifier.backbone.weights),
                "head_and_losses": _count(classifier.weights)
                - _count(classifier.backbone.weights)
                + shared,
                "learning": _count(classifier.trainable_weights) + shared,
            },
            "memory_mb": _memory(classifier),
            "steps": steps,
            "epochs": round(steps * images / manifest.records, 2),
            "step_seconds": float(f"{seconds:.4g}"),
            "images_per_second": float(f"{images / seconds:.4g}"),
            "expected_hours": float(f"{steps * seconds / 3600:.3g}"),
        }


def _seconds_of_a_step(classifier, recipe, records):
    with naming_damaged_records(records):
        order, clock = PartOrder(recipe, records), _Clock()
        classifier.fit(
            order.batches(classifier.backbone.pixel_contract, 0),
            steps_per_epoch=(_WARM_UP + _MEASURED) * order.parts,
            shuffle=False,
            verbose=0,
            callbacks=[clock],
        )
    return (clock.times[-1] - clock.times[_WARM_UP - 1]) / _MEASURED


class _Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def _memory(classifier):
    weights, trained = list(classifier.weights), list(classifier.trainable_weights)
    slots = list(classifier.optimizer.variables)
    gradients = _megabytes(trained)
    if shares := getattr(classifier, "shares", None):  # the first device's of them
        weights += shares.rows[:1]
        slots += shares.velocities[:1]
        gradients += shares.sampling_rate * _megabytes(shares.rows[:1])
    memory = {
        "weights": _megabytes(weights),
        "optimizer": _megabytes(slots),
        "gradients": round(gradients, 1),
    }
    gpus = tf.config.list_logical_devices("GPU")
    peaks = [tf.config.experimental.get_memory_info(gpu.name)["peak"] for gpu in gpus]
    if peaks:
        memory["gpu_peak"] = round(max(peaks) / _MEGABYTE, 1)
    return memory


def _count(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def _megabytes(variables):
    # Types by their names: TensorFlow's own variables are among Keras'.
    sizes = [math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables]
    return round(sum(sizes) / _MEGABYTE, 1)
