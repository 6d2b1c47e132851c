"""Size, speed and length of a training, from a few of its steps; nothing is written."""

import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface.training.batches import PartOrder, naming_damaged_records
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
        head and losses, and those that learn), memory_mb (of the weights; of the
        optimizer's state; of gradients; on a GPU the peak of all), steps, epochs (times
        that each photo is seen), step_seconds, images_per_second, expected_hours.
    Raises: InputError as `train`.
    """
    return [_measured(stage, records, devices) for stage in recipe.stages()]


def _measured(recipe, records, devices):
    with prepared_training(recipe, records, devices) as prepared:
        classifier, manifest = prepared.classifier, prepared.manifest
        seconds = _seconds_of_a_step(classifier, recipe, records)
        images, steps = recipe.data.batch_size, recipe.schedule.steps
        return {
            "people": len(manifest.identities),
            "photos": manifest.records,
            "parameters": {
                "backbone": _count(classifier.backbone.weights),
                "head_and_losses": _count(classifier.weights)
                - _count(classifier.backbone.weights),
                "learning": _count(classifier.trainable_weights),
            },
            "memory_mb": _memory(classifier),
            "steps": steps,
            "epochs": round(steps * images / manifest.records, 1),
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
    memory = {
        "weights": _megabytes(classifier.weights),
        "optimizer": _megabytes(classifier.optimizer.variables),
        "gradients": _megabytes(classifier.trainable_weights),
    }
    gpus = tf.config.list_logical_devices("GPU")
    peaks = [tf.config.experimental.get_memory_info(gpu.name)["peak"] for gpu in gpus]
    if peaks:
        memory["gpu_peak"] = round(max(peaks) / _MEGABYTE, 1)
    return memory


def _count(variables):
    return sum(variable.value.shape.num_elements() for variable in variables)


def _megabytes(variables):
    sizes = [v.value.shape.num_elements() * v.value.dtype.size for v in variables]
    return round(sum(sizes) / _MEGABYTE, 1)
