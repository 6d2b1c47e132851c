"""Batches in which each identity is equally likely, however many images it has."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_sphereface.data.batches.order import BatchOrder, drawn_numbers
from tf_sphereface.data.batches.pipeline import Augmentation
from tf_sphereface.data.batches.sampler import Deck
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.records.index import RecordReader, index_records
from tf_sphereface.preprocessing import PixelContract


def balanced_batches(
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
    """Endless class-balanced batches; the same seed gives the same batches.

    Every pass goes through all identities once, in a new order, and takes one image of
    each: after n passes each identity has been seen n times. Its images come in
    shuffled order, each once before any comes again. An epoch is therefore no longer
    one look at each image: images of an identity with few come more often.

    Args:
        records: Folder that `write_records` made.
        batch_size: Faces in a batch, over all devices; it may be more or less than
            there are identities.
        contract: What the network expects of pixels.
        seed: Order of identities and images, which faces are mirrored, augmentation.
        mirrored: Mirror each face with probability 1/2.
        augmentation: As `face_batches`.
        start: Number of the first batch, from 0.
        share: As `BatchOrder.batches`.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,).
    Raises: InputError if the records are damaged.
    """
    return balanced_order(records, batch_size, seed).batches(
        contract=contract,
        mirrored=mirrored,
        augmentation=augmentation,
        start=start,
        share=share,
    )


def balanced_order(records: Path, batch_size: int, seed: int) -> BatchOrder:
    """The order of `balanced_batches`."""
    reader = RecordReader(index_records(records))
    members = reader.index.records_by_label()
    draw = functools.partial(balanced_numbers, members, batch_size, seed)
    return BatchOrder(reader, batch_size, seed, drawn_numbers(draw))


def balanced_numbers(
    members: dict[int, np.ndarray], batch_size: int, seed: int
) -> Iterator[np.ndarray]:
    """Record numbers of each batch, int64 (batch_size,), as `balanced_batches` says.

    Args:
        members: Record numbers of each label.
        batch_size: At least 1.
        seed: Of all shuffles.
    """
    rng = np.random.default_rng(seed)
    identities = np.array(list(members))
    images = {label: Deck(numbers, rng) for label, numbers in members.items()}
    rest = identities[:0]
    while True:
        while len(rest) < batch_size:
            rest = np.concatenate([rest, rng.permutation(identities)])
        batch, rest = rest[:batch_size], rest[batch_size:]
        numbers = [images[label].deal(1)[0] for label in batch.tolist()]
        yield np.array(numbers, np.int64)
