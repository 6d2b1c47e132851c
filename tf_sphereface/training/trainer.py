"""Trains a recipe on records in a run folder that can be left and resumed."""

import contextlib
import dataclasses
import errno
import logging
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
from tf_sphereface.training.backup import Backup, restore_backup
from tf_sphereface.training.batches import (
    naming_damaged_records,
    recipe_batches,
    recipe_order,
)
from tf_sphereface.training.callbacks import (
    BestModel,
    ExtraLogs,
    History,
    StopOnNonFinite,
    Validation,
    read_history,
)
from tf_sphereface.training.determinism import deterministic_operators
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
    NOT_FINITE,
    open_run,
)
from tf_sphereface.training.stop_requests import StopRequests

_LOG = logging.getLogger(__name__)
BACKUP_STEPS = 200


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


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Options of a training that do not decide its result.

    Args:
        devices: As `training_strategy`.
        validate: Given the backbone at the end of an epoch, returns figures for the
            logs; `verification_accuracy` among them decides which model is best,
            otherwise the margin-free training accuracy does, and without a head the
            training loss.
        backup_steps: Steps between backups; at the end of an epoch, and on SIGINT and
            SIGTERM, there is one anyway. None: only then.
    """

    devices: int | None = None
    validate: Validation | None = None
    backup_steps: int | None = BACKUP_STEPS

    def __post_init__(self):
        if self.backup_steps is not None and self.backup_steps < 1:
            raise InputError(
                f"--backup-steps must be at least 1. Received: {self.backup_steps}"
            )


def train(recipe: Recipe, records: Path, run: Path, **options) -> TrainingSummary:
    """Trains, or goes on with a training that was interrupted.

    Args:
        recipe: What to train.
        records: Folder of record shards.
        run: Run folder; made if missing. One that holds another recipe is refused.
        **options: Those of `RunOptions`.

    Returns: The summary; the run folder holds `best.keras` and `last.keras`.
    Raises: InputError on unusable records, recipe or run folder, and where a shard is
        damaged while it is read (the shard and the byte are named); FloatingPointError
        if loss or weights stop being finite; KeyboardInterrupt or SystemExit, with a
        backup of the step, after SIGINT or SIGTERM.
    """
    options = RunOptions(**options)
    # Every byte is read once: a damaged shard is better known now than in an hour.
    manifest = verify_records(records)
    started = time.monotonic()
    _check_batch(recipe, records, manifest.records)
    preset(recipe.data.augmentation)  # its library may be missing
    strategy = training_strategy(options.devices)
    _check_shares(recipe.data, strategy.num_replicas_in_sync)
    with (
        dtype_policy(recipe.schedule.precision),
        deterministic_operators(recipe.schedule.deterministic),
    ):
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
                order = recipe_order(recipe.data, records, recipe.schedule.seed)
                logs = _fit(classifier, recipe, order, run, done, options)
            with replacing(run / LAST_MODEL) as temporary:
                classifier.save(temporary)
    return TrainingSummary(
        identities=len(manifest.identities),
        steps=recipe.schedule.steps,
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


def _fit(classifier, recipe, order, run, done, options) -> dict[str, float]:
    """Trains the steps that are left; gives the figures of the last epoch."""
    schedule = recipe.schedule
    steps, steps_per_epoch = schedule.steps, schedule.steps_per_epoch
    if done >= steps:
        return _figures(read_history(run / HISTORY))
    monitor = "accuracy" if classifier.head is not None else "loss"
    if options.validate is not None:
        monitor = "verification_accuracy"
    history = History(run / HISTORY, done // steps_per_epoch)
    earlier = [float(row[monitor]) for row in history.rows if row.get(monitor)]
    progress = TrainingProgress(steps, done)
    with StopRequests() as stop, _naming_full_disks(run):
        backup = Backup(run / BACKUP, steps_per_epoch, done, options.backup_steps, stop)
        callbacks = [
            StopOnNonFinite(backup, order.photos, run / NOT_FINITE),
            ExtraLogs(options.validate),
            progress,
            history,
            BestModel(run / BEST_MODEL, monitor, earlier),
            keras.callbacks.TensorBoard(str(run / LOGS), write_graph=False),
            backup,
        ]
        try:
            while backup.step < steps:
                epoch, within = divmod(backup.step, steps_per_epoch)
                contract = classifier.backbone.pixel_contract
                classifier.fit(
                    recipe_batches(recipe.data, order, contract, backup.step),
                    # What is left of an epoch first: Keras' begin at their beginning.
                    epochs=epoch + 1 if within else steps // steps_per_epoch,
                    initial_epoch=epoch,
                    steps_per_epoch=steps_per_epoch - within,
                    shuffle=False,  # the dataset shuffles
                    verbose=0,
                    callbacks=callbacks,
                )
        finally:
            progress.on_train_end()
    return _figures(history.rows)


@contextlib.contextmanager
def _naming_full_disks(run):
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:  # of TensorBoard's writer
        if (full := os.strerror(errno.ENOSPC)) not in error.message:
            raise  # of memory
        raise OSError(errno.ENOSPC, full, str(run)) from error


def _figures(rows) -> dict[str, float]:
    if not rows:  # the history was deleted
        return {}
    return {name: float(value) for name, value in rows[-1].items() if value != ""}


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
