"""Trains a recipe on records in a run folder that can be left and resumed."""

import dataclasses
import errno
import logging
import math
import os
import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface.data.aligned.settings import differing_crops
from tf_sphereface.data.batches.augmentation import preset
from tf_sphereface.data.batches.by_identity import check_identities
from tf_sphereface.data.records.writer import verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.precision import dtype_policy
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.batches import naming_damaged_records, recipe_batches
from tf_sphereface.training.callbacks import (
    Backup,
    BestModel,
    ExtraLogs,
    History,
    Validation,
    read_history,
    restore_backup,
)
from tf_sphereface.training.distribution import training_strategy
from tf_sphereface.training.fine_tuning import class_means
from tf_sphereface.training.progress import TrainingProgress
from tf_sphereface.training.recipe import Recipe
from tf_sphereface.training.run_folder import (
    BACKUP,
    BEST_MODEL,
    HISTORY,
    LAST_MODEL,
    LOGS,
    open_run,
)

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainingSummary:
    """Result of a training.

    `steps` is the total, `resumed_at` the steps that an earlier process had done.
    """

    identities: int
    steps: int
    resumed_at: int
    seconds: float
    logs: dict[str, float]
    best: str
    last: str


def train(
    recipe: Recipe,
    records: Path,
    run: Path,
    *,
    devices: int | None = None,
    validate: Validation | None = None,
) -> TrainingSummary:
    """Trains, or goes on with a training that was interrupted.

    Args:
        recipe: What to train.
        records: Folder of record shards.
        run: Run folder; made if missing. One that holds another recipe is refused.
        devices: As `training_strategy`.
        validate: Given the backbone at the end of an epoch, returns figures for the
            logs; `verification_accuracy` among them decides which model is best,
            otherwise the margin-free training accuracy does, and without a head the
            training loss.

    Returns: The summary; the run folder holds `best.keras` and `last.keras`.
    Raises: InputError on unusable records, recipe or run folder, and where a shard is
        damaged while it is read (the shard and the byte are named); FloatingPointError
        if the loss stops being finite.
    """
    # Every byte is read once: a damaged shard is better known now than in an hour.
    manifest = verify_records(records)
    started = time.monotonic()
    _check_batch(recipe, records, manifest.records)
    preset(recipe.data.augmentation)  # its library may be missing
    strategy = training_strategy(devices)
    _check_shares(recipe.data, strategy.num_replicas_in_sync)
    with dtype_policy(recipe.schedule.precision):
        keras.utils.set_random_seed(recipe.schedule.seed)
        try:
            with strategy.scope():
                classifier = build_classifier(recipe, len(manifest.identities))
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise InputError(
                "the recipe's network and head are larger than the memory of this "
                f"machine, with {len(manifest.identities):,} people"
            ) from error
        _check_crops(classifier.backbone.pixel_contract, manifest.crop, recipe)
        _take_crops(classifier.backbone, manifest.crop.geometry)
        with open_run(run, recipe, records):
            with strategy.scope():
                done = restore_backup(classifier, run / BACKUP)
            with naming_damaged_records(records):
                if not done:
                    _start_head(classifier, recipe, records)
                logs = _fit(classifier, recipe, records, run, done, validate)
            with replacing(run / LAST_MODEL) as temporary:
                classifier.save(temporary)
    return TrainingSummary(
        identities=len(manifest.identities),
        steps=int(classifier.optimizer.iterations.numpy()),
        resumed_at=done,
        seconds=round(time.monotonic() - started, 1),
        logs=logs,
        best=str(run / BEST_MODEL),
        last=str(run / LAST_MODEL),
    )


def _start_head(classifier, recipe, records) -> None:
    fine_tuning = recipe.fine_tuning
    if classifier.head is not None and fine_tuning and fine_tuning.head != "fresh":
        classifier.head.start_from(class_means(classifier.backbone, records))


def _fit(classifier, recipe, records, run, done, validate) -> dict[str, float]:
    schedule = recipe.schedule
    steps_per_epoch = schedule.steps_per_epoch
    epochs = schedule.steps // steps_per_epoch
    initial_epoch = done // steps_per_epoch
    if initial_epoch >= epochs:
        return _figures(read_history(run / HISTORY))
    # A resumed run sees another shuffle, not the first epochs' batches again.
    seed = schedule.seed + initial_epoch
    batches = recipe_batches(
        recipe.data, records, classifier.backbone.pixel_contract, seed
    )
    monitor = "accuracy" if classifier.head is not None else "loss"
    if validate is not None:
        monitor = "verification_accuracy"
    history = History(run / HISTORY, initial_epoch)
    earlier = [float(row[monitor]) for row in history.rows if row.get(monitor)]
    progress = TrainingProgress(epochs * steps_per_epoch, done)
    try:
        classifier.fit(
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            shuffle=False,  # the dataset shuffles
            verbose=0,
            callbacks=[
                _StopOnNaN(),
                ExtraLogs(validate),
                progress,
                history,
                BestModel(run / BEST_MODEL, monitor, earlier),
                keras.callbacks.TensorBoard(str(run / LOGS), write_graph=False),
                Backup(run / BACKUP),
            ],
        )
    except tf.errors.ResourceExhaustedError as error:  # of TensorBoard's writer
        if (full := os.strerror(errno.ENOSPC)) not in error.message:
            raise  # of memory
        raise OSError(errno.ENOSPC, full, str(run)) from error
    finally:
        progress.on_train_end()
    return _figures(history.rows)


def _figures(rows) -> dict[str, float]:
    if not rows:  # the history was deleted
        return {}
    return {name: float(value) for name, value in rows[-1].items() if value != ""}


class _StopOnNaN(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            step = int(self.model.optimizer.iterations.numpy())
            raise FloatingPointError(
                f"the loss is no longer finite at step {step}: lower the learning rate "
                "or let lambda fall more slowly"
            )


def _check_shares(data, replicas: int) -> None:
    images = data.images_per_identity or 1
    if data.batch_size % (images * replicas):
        times = f"images_per_identity {images} times " if images > 1 else ""
        raise InputError(
            f"batch_size {data.batch_size} must be a multiple of {times}the "
            f"{replicas} devices"
        )


def _check_crops(contract, crop, recipe: Recipe) -> None:
    # The size of a network that is trained already is the file's.
    setting = "set backbone.height and backbone.width, or "
    if recipe.fine_tuning is not None:
        setting = ""
    if (contract.height, contract.width) != (crop.height, crop.width):
        raise InputError(
            f"the network takes crops of {contract.height} x {contract.width} pixels, "
            f"the records hold {crop.height} x {crop.width}: {setting}align with "
            f"--size {contract.height}x{contract.width}"
        )


def _take_crops(backbone, crop: CropGeometry) -> None:
    """Tells the network its crops, for the export; a note if it knew others."""
    if backbone.crop and (difference := differing_crops(crop, backbone.crop)):
        _LOG.warning(
            "the records hold other crops than the network was trained on: %s",
            difference,
        )
    backbone.crop = crop


def _check_batch(recipe: Recipe, records: Path, faces: int) -> None:
    if recipe.data.batch_size > faces:
        raise InputError(
            f"batch_size {recipe.data.batch_size} is larger than the {faces} faces "
            "in the records"
        )
    if recipe.data.images_per_identity is not None:
        identities = recipe.data.batch_size // recipe.data.images_per_identity
        check_identities(records, identities)
