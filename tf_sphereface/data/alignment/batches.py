"""Batches of photos: what one process aligns at a time."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tf_sphereface.data.alignment.vote import CONSISTENT
from tf_sphereface.data.photos.names import identity_of

if TYPE_CHECKING:
    from tf_sphereface.data.alignment.photo_aligner import AlignmentItem

# Small photos go faster together; large ones do not, and fill the memory.
_PHOTOS_PER_BATCH, _BYTES_PER_BATCH = 16, 8_000_000


def batches_of(
    choice: str, items: Iterable["AlignmentItem"]
) -> Iterator[list["AlignmentItem"]]:
    """Batches that are aligned apart: all photos of a person, if they vote, else a few.

    Args:
        choice: As of the `AlignmentTask`.
        items: Photos, those of a person one after another; taken as they are needed.
    """
    if choice != CONSISTENT:
        return small_batches(items)
    people = itertools.groupby(items, lambda item: identity_of(item.photo.name))
    return (list(photos) for _, photos in people)


def small_batches(items: Iterable["AlignmentItem"]) -> Iterator[list["AlignmentItem"]]:
    """A few photos at a time: together they go faster."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += item.photo.bytes
        if len(batch) == _PHOTOS_PER_BATCH or size >= _BYTES_PER_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
