"""Vote of a person's photos on whose face it is that most of them share."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.similarity import TILE_ROWS, unit_rows

ONLY, CONSISTENT, CENTRE = "only", "consistent", "centre"
# Two photos cannot say which of them shows the stranger.
_FEWEST_PHOTOS = 3
# Of the photos that share the face, those that may share another one too: a couple in
# all photos is nobody's folder.
_MOST_OF_ANOTHER = 0.75


class VotingModel(Protocol):
    """A model of crops, whose embeddings vote; `crop` is None if it is not known."""

    pixel_contract: PixelContract
    crop: CropGeometry | None

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class VotingModelFile:
    """A model on a disk that each worker process opens.

    Args:
        open: Gives the model; can be pickled.
        sha256: Its checksum, hexadecimal, for align.json.
    """

    open: Callable[[], VotingModel]
    sha256: str


class Vote(NamedTuple):
    """Result for one photo.

    Args:
        face: Index of the chosen face.
        chosen_by: "only" if there is no other, "consistent" if it is the face that the
            photos share, or "centre" if the vote does not tell: the first face.
        margin: Its likeness to that face, less that of the photo's next face, a
            difference of mean cosines; NaN without a vote on several faces.
    """

    face: int
    chosen_by: str
    margin: float = float("nan")


def vote(photos: Sequence[np.ndarray]) -> list[Vote]:
    """Chooses a face of each photo of one person.

    The face that is most like one of each photo begins. A photo shares it if the cosine
    of its nearest face is above a level: the middle between that of strangers, the
    median of two faces of one photo, and that of this face, the median over the photos.
    The nearest faces there are the person's, and of each photo the face is chosen that
    is most like them in the mean, not counting its own photo, if it is above the level.

    The vote does not tell if there are fewer than 3 photos, or if another face may be
    on more than three quarters of as many.

    Args:
        photos: Float (faces, feature_dim) of each photo, at least one face each, the
            nearest to the photo's centre first; of any length.
    """
    counts = np.array([len(faces) for faces in photos])
    likeness = None
    if len(photos) >= _FEWEST_PHOTOS and counts.max() > 1:
        likeness = _likeness(unit_rows(np.concatenate(photos)), counts)
    starts = np.cumsum(counts) - counts
    return [
        _choose(None if likeness is None else likeness[start : start + count], count)
        for start, count in zip(starts, counts, strict=True)
    ]


def _choose(likeness, count):
    """Of the likeness of a photo's faces above the level."""
    if count == 1:
        return Vote(0, ONLY)
    if likeness is None:
        return Vote(0, CENTRE)
    face = int(np.argmax(likeness))
    if likeness[face] < 0:  # the person is not there, or not to be recognised
        return Vote(0, CENTRE)
    others = np.delete(likeness, face)
    return Vote(face, CONSISTENT, round(float(likeness[face] - others.max()), 4))


def _likeness(units, counts):
    """Mean cosines of all faces with the person's, less the level; None if tied."""
    photo_of = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    means = np.concatenate([np.nanmean(each, 1) for each in _best(units, photo_of)])
    most_shared = int(np.argmax(means))
    cosines = units @ units[most_shared]
    nearest = [
        start + np.argmax(cosines[start : start + count])
        for start, count in zip(first, counts, strict=True)
    ]
    of_photos = np.delete(cosines[nearest], photo_of[most_shared])
    level = (np.median(of_photos) + _strangers(units, counts)) / 2
    shares = cosines[nearest] >= level
    persons = units[nearest] * shares[:, None]
    # The face of a photo does not speak for itself, nor for others of that photo.
    sums = units @ persons.sum(axis=0) - np.sum(units * persons[photo_of], axis=1)
    likeness = sums / np.maximum(shares.sum() - shares[photo_of], 1) - level
    shared = len(np.unique(photo_of[likeness >= 0]))
    on_photos = np.concatenate(
        [1 + np.count_nonzero(each >= level, 1) for each in _best(units, photo_of)]
    )
    another = max(on_photos[likeness < 0], default=0)
    return likeness if another <= _MOST_OF_ANOTHER * shared else None


def _best(units, photo_of) -> Iterator[np.ndarray]:
    """The best cosine of each face with each photo, NaN with its own, in tiles."""
    starts = np.flatnonzero(np.diff(photo_of, prepend=-1))
    for row in range(0, len(units), TILE_ROWS):
        tile = slice(row, row + TILE_ROWS)
        best = np.maximum.reduceat(units[tile] @ units.T, starts, axis=1)
        best[np.arange(len(best)), photo_of[tile]] = np.nan
        yield best


def _strangers(units, counts):
    """The median cosine of two faces of one photo."""
    cosines = []
    for faces in np.split(units, np.cumsum(counts)[:-1]):
        cosines.extend((faces @ faces.T)[np.triu_indices(len(faces), 1)])
    return np.median(cosines)
