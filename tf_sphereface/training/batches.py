"""The training batches of a recipe, and errors that name damaged records."""

import contextlib
from pathlib import Path

import tensorflow as tf

from tf_sphereface.data.batches.augmentation import preset
from tf_sphereface.data.batches.balanced import balanced_order
from tf_sphereface.data.batches.by_identity import identity_order
from tf_sphereface.data.batches.order import BatchOrder
from tf_sphereface.data.batches.shuffled import shuffled_order
from tf_sphereface.data.records.writer import verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.recipe import DataRecipe


def recipe_order(data: DataRecipe, records: Path, seed: int) -> BatchOrder:
    """The records of each batch as `[data]` says; an InputError if they are damaged."""
    if data.images_per_identity is not None:
        identities = data.batch_size // data.images_per_identity
        return identity_order(records, identities, data.images_per_identity, seed)
    if data.sampling == "class_balanced":
        return balanced_order(records, data.batch_size, seed)
    return shuffled_order(records, data.batch_size, seed)


def recipe_batches(
    data: DataRecipe, order: BatchOrder, contract: PixelContract, start: int = 0
) -> tf.data.Dataset:
    """Endless training batches as `[data]` says.

    Args:
        data: The section.
        order: Of the records, from `recipe_order`.
        contract: What the network expects of pixels.
        start: Number of the first batch, from 0.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,).
    """
    mirrored, augmentation = preset(data.augmentation)
    return order.batches(
        contract=contract, mirrored=mirrored, augmentation=augmentation, start=start
    )


@contextlib.contextmanager
def naming_damaged_records(records: Path):
    """TensorFlow says neither which shard it could not read nor always where."""
    try:
        yield
    except tf.errors.OpError as error:
        verify_records(records)  # raises where they are damaged
        _, ours, message = error.message.partition("InputError: ")
        if not ours and not isinstance(error, tf.errors.DataLossError):
            raise
        message = (message or error.message).partition("\n")[0]
        raise InputError(
            f"a shard of {records} could not be read, and can be now: {message}; give "
            "the same command again"
        ) from error
