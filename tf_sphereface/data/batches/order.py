"""Batches of records in an order that seed and number decide, from any batch on."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tf_sphereface.data.batches.pipeline import Augmentation, face_batches
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.records.index import RecordReader, records_in_order
from tf_sphereface.preprocessing import PixelContract


@dataclasses.dataclass(frozen=True)
class BatchOrder:
    """The records of every batch of an endless training.

    Args:
        reader: Of the records.
        batch_size: Faces in a batch.
        seed: Of the order, the mirror and augmentation.
        numbers: Given the number of a batch, from 0, yields the record numbers of it
            and of all that follow: int64 (batch_size,) each time.
    """

    reader: RecordReader
    batch_size: int
    seed: int
    numbers: Callable[[int], Iterator[np.ndarray]]

    def batches(
        self,
        *,
        contract: PixelContract,
        mirrored: bool = True,
        augmentation: Augmentation | None = None,
        start: int = 0,
        share: Share = WHOLE,
    ) -> tf.data.Dataset:
        """Endless batches, from one on: the same as if the others had come before.

        Args:
            contract: What the network expects of pixels.
            mirrored: Mirror each face with probability 1/2.
            augmentation: As `face_batches`.
            start: Number of the first batch, from 0.
            share: The part of each batch to read; its faces are those that the whole
                batch would have, mirrored alike; `augmentation` gets another seed.

        Returns: Dataset of float32 (faces, height, width, 3) in the contract's units
            and int32 labels (faces,): `batch_size` faces, or those of the share.
        Raises: ValueError if the batch cannot be parted equally.
        """
        size = share.size(self.batch_size)
        return face_batches(
            records_in_order(
                self.reader, lambda: map(share.of, self.numbers(start)), size
            ),
            size,
            contract=contract,
            seed=self.seed,
            mirrored=mirrored,
            augmentation=augmentation,
            start=start,
            share=share,
        )

    def photos(self, number: int) -> list[str]:
        """Names "IDENTITY/FILE" of the crops in a batch."""
        return self.reader.sources(next(self.numbers(number)))


def drawn_numbers(
    draw: Callable[[], Iterator[np.ndarray]],
) -> Callable[[int], Iterator[np.ndarray]]:
    """`BatchOrder.numbers` of an order that can only be drawn from the beginning.

    Microseconds for each face that was dealt before, and no record is read.
    """
    return lambda start: itertools.islice(draw(), start, None)


def shuffled_numbers(
    count: int, batch_size: int, seed: int, start: int = 0
) -> Iterator[np.ndarray]:
    """Record numbers of each batch: every pass has all records, in a new order.

    Args:
        count: Of the records.
        batch_size: At least 1; a batch may end one pass and begin the next.
        seed: With the number of a pass it decides its order.
        start: Number of the first batch.

    Yields: int64 (batch_size,).
    """
    pass_number, place = divmod(start * batch_size, count)
    rest = np.zeros(0, np.int64)
    while True:
        while len(rest) < batch_size:
            rng = np.random.default_rng([seed, pass_number])
            rest = np.concatenate([rest, rng.permutation(count)[place:]])
            pass_number, place = pass_number + 1, 0
        yield rest[:batch_size]
        rest = rest[batch_size:]
