"""The training batches of a recipe, and errors that name damaged records."""

import contextlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_sphereface.data.batches.augmentation import preset
from tf_sphereface.data.batches.balanced import balanced_order
from tf_sphereface.data.batches.by_identity import identity_order
from tf_sphereface.data.batches.order import BatchOrder
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.batches.shuffled import shuffled_order
from tf_sphereface.data.records.index import RecordReader
from tf_sphereface.data.records.writer import verify_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.recipes.recipe import DataRecipe, Recipe


def recipe_order(data: DataRecipe, records: Path, seed: int) -> BatchOrder:
    """The records of each batch as `[data]` says; an InputError if they are damaged."""
    if data.images_per_identity is not None:
        identities = data.batch_size // data.images_per_identity
        return identity_order(records, identities, data.images_per_identity, seed)
    if data.sampling == "class_balanced":
        return balanced_order(records, data.batch_size, seed)
    return shuffled_order(records, data.batch_size, seed)


def recipe_batches(
    data: DataRecipe,
    order: BatchOrder,
    contract: PixelContract,
    start: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Endless training batches as `[data]` says.

    Args:
        data: The section.
        order: Of the records, from `recipe_order`.
        contract: What the network expects of pixels.
        start: Number of the first batch, from 0.
        share: The part of each batch to read.

    Returns: Dataset of float32 (faces, height, width, 3) in the contract's units and
        int32 labels (faces,): `batch_size` faces, or those of the share.
    """
    mirrored, augmentation = preset(data.augmentation)
    return order.batches(
        contract=contract,
        mirrored=mirrored,
        augmentation=augmentation,
        start=start,
        share=share,
    )


class PartOrder:
    """The batches of a recipe's steps; each is of `parts`, one after another.

    Args:
        recipe: Of the training.
        records: Folder of record shards.
        share: The part of each batch that `batches` reads.

    Raises: InputError if the records are damaged.
    """

    def __init__(self, recipe: Recipe, records: Path, share: Share = WHOLE):
        self.share = share
        self.parts = recipe.optimizer.accumulation
        size = recipe.data.batch_size // self.parts
        self._data = recipe.data.model_copy(update={"batch_size": size})
        self._order = recipe_order(self._data, records, recipe.schedule.seed)

    @property
    def reader(self) -> RecordReader:
        """Of the records."""
        return self._order.reader

    @property
    def people(self) -> int:
        """Number of identities in the records."""
        return len(np.unique(self.reader.index.labels))

    def batches(self, contract: PixelContract, step: int) -> tf.data.Dataset:
        """The parts of all steps from one on, as `recipe_batches`."""
        start = step * self.parts
        return recipe_batches(self._data, self._order, contract, start, self.share)

    def photos(self, step: int) -> list[str]:
        """Names "IDENTITY/FILE" of the crops in a step, by its number from 0."""
        numbers = range(step * self.parts, (step + 1) * self.parts)
        return [photo for part in numbers for photo in self._order.photos(part)]


@contextlib.contextmanager
def naming_damaged_records(records: Path):
    """TensorFlow says neither which shard it could not read nor always where."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:  # of memory or of a disk
        raise
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
