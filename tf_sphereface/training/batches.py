"""The training batches of a recipe, and errors that name damaged records."""

import contextlib
from pathlib import Path

import tensorflow as tf

from tf_sphereface.data.batches.augmentation import preset
from tf_sphereface.data.batches.balanced import balanced_batches
from tf_sphereface.data.batches.by_identity import identity_batches
from tf_sphereface.data.batches.pipeline import training_batches
from tf_sphereface.data.records.writer import verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.recipe import DataRecipe


def recipe_batches(
    data: DataRecipe, records: Path, contract: PixelContract, seed: int
) -> tf.data.Dataset:
    """Endless training batches as `[data]` says.

    Args:
        data: The section.
        records: Folder of record shards.
        contract: What the network expects of pixels.
        seed: Of order, mirror and augmentation.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,).
    """
    mirrored, augmentation = preset(data.augmentation)
    arguments = {
        "contract": contract,
        "seed": seed,
        "mirrored": mirrored,
        "augmentation": augmentation,
    }
    if data.images_per_identity is not None:
        identities = data.batch_size // data.images_per_identity
        return identity_batches(
            records, identities, data.images_per_identity, **arguments
        )
    if data.sampling == "class_balanced":
        return balanced_batches(records, data.batch_size, **arguments)
    return training_batches(
        records, data.batch_size, shuffle_buffer=data.shuffle_buffer, **arguments
    )


@contextlib.contextmanager
def naming_damaged_records(records: Path):
    """TensorFlow says neither which shard it could not read nor always where."""
    try:
        yield
    except tf.errors.OpError as error:
        verify_records(records)  # raises where they are damaged
        if isinstance(error, tf.errors.DataLossError):
            raise InputError(
                f"a shard of {records} could not be read, and can be now: "
                f"{error.message.partition(chr(10))[0]}; give the same command again"
            ) from error
        raise
