"""The classifier of a recipe, made for records that have been checked."""

import contextlib
import dataclasses
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface.data.aligned.settings import differing_crops
from tf_sphereface.data.batches.augmentation import preset
from tf_sphereface.data.batches.by_identity import check_identities
from tf_sphereface.data.records.writer import RecordManifest, verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.precision import dtype_policy
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.determinism import deterministic_operators
from tf_sphereface.training.distribution.strategies import replica_count
from tf_sphereface.training.recipes.recipe import Recipe

_LOG = logging.getLogger(__name__)
# TensorFlow says of files and of sockets, too, that they are exhausted.
_OF_MEMORY = re.compile("OOM|memory|allocat", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class PreparedTraining:
    """A classifier that is about to train, its strategy and its records' manifest."""

    classifier: FaceClassifier
    strategy: tf.distribute.Strategy
    manifest: RecordManifest


@contextlib.contextmanager
def prepared_training(
    recipe: Recipe,
    records: Path,
    strategy: tf.distribute.Strategy,
    schedule: keras.optimizers.schedules.LearningRateSchedule | None = None,
) -> Iterator[PreparedTraining]:
    """Makes the classifier of a recipe, in the precision that it states.

    Args:
        recipe: Of one stage.
        records: Folder of record shards; every byte is read.
        strategy: From `training_strategy` or `cluster_strategy`.
        schedule: Of the learning rate; None: the recipe's.

    Raises: InputError on unusable records or recipe, or ones that do not go together,
        and where the block needs more memory than a device has.
    """
    # Every byte is read once: a damaged shard is better known now than in an hour.
    manifest = verify_records(records)
    check_batches(recipe, records, manifest.records)
    preset(recipe.data.augmentation)  # its library may be missing
    _check_devices(recipe, replica_count(strategy))
    if keras.backend.backend() == "jax":
        _check_jax(recipe)
    with (
        dtype_policy(recipe.schedule.precision),
        deterministic_operators(recipe.schedule.deterministic),
    ):
        keras.utils.set_random_seed(recipe.schedule.seed)
        try:
            with strategy.scope():
                classifier = build_classifier(
                    recipe, len(manifest.identities), schedule
                )
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise InputError(
                "the recipe's network and head are larger than the memory of this "
                f"machine, with {len(manifest.identities):,} people"
            ) from error
        _check_crops(classifier.backbone.pixel_contract, manifest.crop, recipe)
        _take_crops(classifier.backbone, manifest.crop.geometry)
        with _naming_lack_of_memory(recipe):
            yield PreparedTraining(classifier, strategy, manifest)


@contextlib.contextmanager
def _naming_lack_of_memory(recipe: Recipe) -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if not _OF_MEMORY.search(error.message):
            raise
        raise InputError(
            f"the memory of a device is too small for steps of {recipe.data.batch_size}"
            " images: lower data.batch_size, give optimizer.accumulation or "
            'schedule.recompute, or schedule.precision = "mixed_bfloat16"'
        ) from error


def _check_devices(recipe: Recipe, replicas: int) -> None:
    data = recipe.data
    if replicas > 1 and recipe.optimizer.accumulation > 1:
        # Each replica would bound the norm of its parts of the gradient.
        raise InputError("optimizer.accumulation needs --devices 1")
    images = data.images_per_identity or 1
    if data.batch_size % (images * replicas):
        times = f"images_per_identity {images} times " if images > 1 else ""
        raise InputError(
            f"batch_size {data.batch_size} must be a multiple of {times}the "
            f"{replicas} devices"
        )


def _check_jax(recipe: Recipe) -> None:
    """Raises InputError for what only TensorFlow has, or was not tried on JAX."""
    used = {
        "schedule.deterministic": recipe.schedule.deterministic,
        'schedule.precision "mixed_float16"': recipe.schedule.precision
        == "mixed_float16",
        "schedule.recompute": recipe.schedule.recompute,
        "optimizer.accumulation": recipe.optimizer.accumulation > 1,
        "[many_identities]": recipe.many_identities is not None,
        "[fine_tuning]": recipe.fine_tuning is not None,
    }
    if names := [name for name, wanted in used.items() if wanted]:
        raise InputError(f"{', '.join(names)}: not with KERAS_BACKEND=jax")


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


def check_batches(recipe: Recipe, records: Path, faces: int) -> None:
    """Raises InputError if the records have too few faces or people for a batch."""
    if recipe.data.batch_size > faces:
        raise InputError(
            f"batch_size {recipe.data.batch_size} is larger than the {faces} faces "
            "in the records"
        )
    if recipe.data.images_per_identity is not None:
        identities = recipe.data.batch_size // recipe.data.images_per_identity
        check_identities(records, identities)
