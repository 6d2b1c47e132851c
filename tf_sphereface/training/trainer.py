"""Trains a recipe on records in a run folder that can be left and resumed."""

import contextlib
import dataclasses
import errno
import functools
import hashlib
import logging
import os
import time
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface import __version__
from tf_sphereface.data.records.manifest import MANIFEST_NAME, read_manifest
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, sha256_of
from tf_sphereface.training.angles import AngleLogs
from tf_sphereface.training.averages import averaged_weights
from tf_sphereface.training.backup import (
    Backup,
    build_metrics,
    restore_backup,
    take_state_of_chief,
)
from tf_sphereface.training.batches import PartOrder, naming_damaged_records
from tf_sphereface.training.callbacks import (
    BestModel,
    ExtraLogs,
    History,
    StopOnNonFinite,
    Validation,
)
from tf_sphereface.training.distribution.workers import WAIT_SECONDS, join_workers
from tf_sphereface.training.early_warnings import EarlyWarnings, colour_warning
from tf_sphereface.training.fine_tuning import class_means
from tf_sphereface.training.preparation import check_batches, prepared_training
from tf_sphereface.training.progress import TrainingProgress
from tf_sphereface.training.recipes.recipe import Recipe
from tf_sphereface.training.run_folder import (
    ANGLE_LOGS,
    BACKUP,
    BEST_MODEL,
    HISTORY,
    LAST_MODEL,
    LOGS,
    NOT_FINITE,
    STAGE,
    open_run,
)
from tf_sphereface.training.stop_requests import StopRequests

_LOG = logging.getLogger(__name__)
BACKUP_STEPS = 200
_NO_FOLDER = contextlib.nullcontext()


@dataclasses.dataclass(frozen=True)
class TrainingSummary:
    """Result of a training.

    `steps` is the total, `resumed_at` the steps that an earlier process had done. Of
    several workers the chief alone has figures and models.
    """

    identities: int
    steps: int
    resumed_at: int
    seconds: float
    logs: dict[str, float]
    best: str | None
    last: str | None


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Options of a training that do not decide its result.

    Args:
        devices: Of this machine, as `training_strategy`.
        validate: Given the backbone at the end of an epoch, returns figures for the
            logs; `verification_accuracy` among them decides which model is best,
            otherwise the margin-free training accuracy does, and without a head the
            training loss.
        backup_steps: Steps between backups; at the end of an epoch, and on SIGINT and
            SIGTERM, there is one anyway. None: only then.
        wait_seconds: For how long the other workers of TF_CONFIG are waited for.
    """

    devices: int | None = None
    validate: Validation | None = None
    backup_steps: int | None = BACKUP_STEPS
    wait_seconds: float = WAIT_SECONDS

    def __post_init__(self):
        if self.backup_steps is not None and self.backup_steps < 1:
            raise InputError(
                f"--backup-steps must be at least 1. Received: {self.backup_steps}"
            )
        if not 1 <= self.wait_seconds <= 86_400:
            raise InputError(
                "--wait-seconds must be in 1..86400 (a day). "
                f"Received: {self.wait_seconds:g}"
            )


def train(recipe: Recipe, records: Path, run: Path, **options) -> TrainingSummary:
    """Trains, or goes on with a training that was interrupted.

    Args:
        recipe: What to train.
        records: Folder of record shards.
        run: Run folder; made if missing. One that holds another recipe is refused.
        **options: Those of `RunOptions`.

    Earlier stages of a recipe have a run folder in the run folder each. With TF_CONFIG
    in the environment the workers that it names train together; the chief alone needs
    a run folder, and nothing of TensorFlow may have run before in the process.

    Returns: The summary, of the last stage; the run folder holds `best.keras` and
        `last.keras`.
    Raises: InputError on unusable records, recipe or run folder, and where a shard is
        damaged while it is read (the shard and the byte are named); FloatingPointError
        if loss or weights stop being finite; KeyboardInterrupt or SystemExit, with a
        backup of the step, after SIGINT or SIGTERM.
    """
    options = RunOptions(**options)
    stages = [run / f"{STAGE}{number}" for number in range(1, len(recipe.then) + 1)]
    weights = [str(stage / LAST_MODEL) for stage in stages]
    parts = recipe.stages(weights)
    for part in parts:  # before the first takes its days
        check_batches(part, records, read_manifest(records).records)
    facts = functools.partial(_facts, recipe, records)
    workers = join_workers(facts, options.devices, options.wait_seconds)
    with workers.ending_together(), workers.naming_lost():
        for part, folder in zip(parts, [*stages, run], strict=True):
            if stages and workers.chief:
                _LOG.warning("stage in %s", folder)
            summary = _train_stage(part, records, folder, options, workers)
    return summary


def _facts(recipe, records) -> dict[str, str]:
    """All that workers must have in common, by names for messages."""
    facts = {
        "version of tf_sphereface": __version__,
        "recipe": hashlib.sha256(
            recipe.without_places().to_toml().encode()
        ).hexdigest()[:12],
        "records (manifest.json)": sha256_of(records / MANIFEST_NAME)[:12],
    }
    if recipe.fine_tuning is not None:
        facts["initial weights"] = sha256_of(recipe.fine_tuning.initial_file)[:12]
    return facts


def _train_stage(recipe, records, run, options, workers):
    started = time.monotonic()
    if workers.several and recipe.many_identities is not None:
        raise InputError("[many_identities] is for one machine: unset TF_CONFIG")
    with prepared_training(recipe, records, workers.strategy) as prepared:
        classifier, manifest = prepared.classifier, prepared.manifest
        folder = open_run(run, recipe, records) if workers.chief else _NO_FOLDER
        with folder, naming_damaged_records(records), workers.naming_lost():
            done = _begin(classifier, recipe, records, run, workers)
            logs = _fit(classifier, recipe, records, run, done, options, workers)
            # Written again it would have other bytes, and a later stage other weights.
            missing = done < recipe.schedule.steps or not (run / LAST_MODEL).exists()
            if workers.chief and missing:
                with (
                    averaged_weights(classifier),
                    replacing(run / LAST_MODEL) as temporary,
                ):
                    classifier.save(temporary)
            workers.wait()  # a later stage begins with that file
    return TrainingSummary(
        identities=len(manifest.identities),
        steps=recipe.schedule.steps,
        resumed_at=done,
        seconds=round(time.monotonic() - started, 1),
        logs=logs,
        best=str(run / BEST_MODEL) if workers.chief else None,
        last=str(run / LAST_MODEL) if workers.chief else None,
    )


def _begin(classifier, recipe, records, run, workers) -> int:
    """Gives the classifier its state and returns the steps that are done."""
    done, scope = 0, workers.strategy.scope()
    if workers.several:
        with scope:
            classifier.optimizer.build(classifier.trainable_variables)
        # Keras makes variables while it loads, and all workers make those of a scope.
        scope = contextlib.nullcontext()
    if workers.chief:
        with scope:
            done = restore_backup(classifier, run / BACKUP)
        if not done:
            _start_head(classifier, recipe, records)
    return take_state_of_chief(classifier, done, workers)


def _start_head(classifier, recipe, records) -> None:
    fine_tuning = recipe.fine_tuning
    if classifier.head is not None and fine_tuning and fine_tuning.head != "fresh":
        classifier.start_from(class_means(classifier.backbone, records))


def _fit(classifier, recipe, records, run, done, options, workers) -> dict[str, float]:
    """Trains the steps that are left; gives the figures of the last epoch."""
    schedule = recipe.schedule
    steps, steps_per_epoch = schedule.steps, schedule.steps_per_epoch
    history = History(run / HISTORY, done // steps_per_epoch) if workers.chief else None
    if done >= steps:
        return _figures(history.rows) if workers.chief else {}
    order = PartOrder(recipe, records, workers.share)
    classes = recipe.classes_of_a_step(order.people)
    progress = TrainingProgress(steps, done)
    with StopRequests() as stop, _naming_full_disks(run):
        backup = Backup(
            run / BACKUP, steps_per_epoch, done, options.backup_steps, stop, workers
        )
        report = run / NOT_FINITE if workers.chief else None
        callbacks = [StopOnNonFinite(backup, order.photos, report)]
        if workers.chief:
            callbacks += [
                ExtraLogs(options.validate),
                progress,
                *_figures_and_models(run, history, order, options, classifier, classes),
            ]
        callbacks.append(backup)
        try:
            if done % steps_per_epoch:
                build_metrics(classifier, recipe.data.batch_size)
            while backup.step < steps:
                epoch, within = divmod(backup.step, steps_per_epoch)
                contract = classifier.backbone.pixel_contract
                classifier.fit(
                    workers.distributed(order.batches(contract, backup.step)),
                    # What is left of an epoch first: Keras' begin at their beginning.
                    epochs=epoch + 1 if within else steps // steps_per_epoch,
                    initial_epoch=epoch,
                    steps_per_epoch=(steps_per_epoch - within) * order.parts,
                    shuffle=False,  # the dataset shuffles
                    verbose=0,
                    callbacks=callbacks,
                )
                if within and recipe.optimizer.ema is not None:
                    # Keras has put the averages in the weights' place.
                    _begin(classifier, recipe, records, run, workers)
        finally:
            progress.on_train_end()
    return _figures(history.rows) if workers.chief else {}


def _figures_and_models(run, history, order, options, classifier, classes):
    """Callbacks that write and tell after each epoch, in the chief."""
    monitor = "accuracy" if classifier.head is not None else "loss"
    verified = any(row.get("verification_accuracy") for row in history.rows)
    if options.validate is not None or verified:
        monitor = "verification_accuracy"
    if verified and options.validate is None:
        _LOG.warning(
            "the run was verified so far: %s stays that of its best verification; give "
            "--images and --pairs again to go on with that",
            run / BEST_MODEL,
        )
    earlier = [float(row[monitor]) for row in history.rows if row.get(monitor)]
    if warning := colour_warning(order.reader):
        _LOG.warning(warning)
    return [
        *_angle_logs(classifier, order.reader, run),
        history,
        EarlyWarnings(history.rows, classes, _LOG.warning),
        BestModel(run / BEST_MODEL, monitor, earlier),
        keras.callbacks.TensorBoard(str(run / LOGS), write_graph=False),
    ]


def _angle_logs(classifier, reader, run):
    return [] if classifier.head is None else [AngleLogs(reader, run / ANGLE_LOGS)]


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
