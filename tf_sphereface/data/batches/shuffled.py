"""Shuffled batches: each image once before any comes again."""

from pathlib import Path

import tensorflow as tf

from tf_sphereface.data.batches.order import BatchOrder, shuffled_numbers
from tf_sphereface.data.batches.pipeline import Augmentation
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.records.index import RecordReader, index_records
from tf_sphereface.preprocessing import PixelContract


def training_batches(
    records: Path,
    batch_size: int,
    *,
    contract: PixelContract,
    seed: int,
    mirrored: bool = True,
    augmentation: Augmentation | None = None,
    start: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Endless shuffled training batches; the same seed gives the same batches.

    Every pass goes through all records once, in a new order. Records are read where
    they lie, and the checksum of each is compared.

    Args:
        records: Folder that `write_records` made.
        batch_size: Faces in a batch, over all devices; every batch is full.
        contract: What the network expects of pixels.
        seed: Order of faces, which faces are mirrored, and augmentation.
        mirrored: Mirror each face with probability 1/2.
        augmentation: As `face_batches`.
        start: Number of the first batch, from 0: a training that did so many goes on.
        share: As `BatchOrder.batches`.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,). Memory holds the places of the records, 24 bytes
        each, and the batches in work.
    Raises: InputError if the records are damaged.
    """
    return shuffled_order(records, batch_size, seed).batches(
        contract=contract,
        mirrored=mirrored,
        augmentation=augmentation,
        start=start,
        share=share,
    )


def shuffled_order(records: Path, batch_size: int, seed: int) -> BatchOrder:
    """The order of `training_batches`."""
    return shuffled_order_of(RecordReader(index_records(records)), batch_size, seed)


def shuffled_order_of(reader: RecordReader, batch_size: int, seed: int) -> BatchOrder:
    """As `shuffled_order`, of records whose index has been read."""
    count = len(reader.index.labels)
    return BatchOrder(
        reader,
        batch_size,
        seed,
        lambda start: shuffled_numbers(count, batch_size, seed, start),
    )
