"""Angles within classes and between them, of embeddings."""

import dataclasses

import numpy as np

_ROWS = 512  # of the matrix of all pairs that are in memory at a time


@dataclasses.dataclass(frozen=True)
class PairAngles:
    """Angles of all pairs of two different images.

    Attributes:
        genuine, impostor: int64 (180,), pairs by whole degrees [n, n + 1), 180 among
            the last, of one class and of two.
        genuine_mean, impostor_mean: Degrees; NaN if there is no such pair.
    """

    genuine: np.ndarray
    impostor: np.ndarray
    genuine_mean: float
    impostor_mean: float


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Each row divided by its L2 norm, float64; a row of zeros has no direction.

    Raises: ValueError if a row has no direction: it is zero or not finite.
    """
    vectors = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ValueError("`vectors` must be finite and not zero. Received: one that is")
    return vectors / norms


def class_centers(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean direction of each class, of length 1.

    The mean of a class's embeddings, each normalised first, normalised again.

    Args:
        embeddings: Float (images, embedding_dim).
        labels: Integer (images,).

    Returns: float64 (classes, embedding_dim), classes in the order of their labels.
    """
    units = unit_rows(embeddings)
    means = [units[labels == label].mean(axis=0) for label in np.unique(labels)]
    return unit_rows(np.stack(means))


def intra_class_angle(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean angle of an embedding to the centre of its own class, degrees.

    The mean is over images; the centre is `class_centers` of the same embeddings.
    """
    units, centers = unit_rows(embeddings), class_centers(embeddings, labels)
    own = centers[np.unique(labels, return_inverse=True)[1]]
    return float(np.degrees(_arccos((units * own).sum(axis=1))).mean())


def inter_class_angle(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Smallest angle between the centres of two classes, degrees; two at least."""
    centers = class_centers(embeddings, labels)
    cosines = (centers @ centers.T)[np.triu_indices(len(centers), k=1)]
    return float(np.degrees(_arccos(cosines)).min())


def pair_angles(embeddings: np.ndarray, labels: np.ndarray) -> PairAngles:
    """Angles of all images * (images - 1) / 2 pairs; none is left out.

    Args:
        embeddings: Float (images, embedding_dim).
        labels: Integer (images,).
    """
    units = unit_rows(embeddings)
    counts = {True: np.zeros(180, np.int64), False: np.zeros(180, np.int64)}
    sums = {True: 0.0, False: 0.0}
    for start in range(0, len(units), _ROWS):
        block = slice(start, start + _ROWS)
        later = np.arange(len(units)) > np.arange(len(units))[block, None]
        degrees = np.degrees(_arccos(units[block] @ units.T))
        same = labels[block, None] == labels
        for kind in (True, False):
            angles = degrees[later & (same == kind)]
            bins = np.minimum(angles.astype(np.int64), 179)
            counts[kind] += np.bincount(bins, minlength=180)
            sums[kind] += angles.sum()
    means = {kind: _mean(sums[kind], counts[kind].sum()) for kind in counts}
    return PairAngles(counts[True], counts[False], means[True], means[False])


def _arccos(cosines):
    return np.arccos(np.clip(cosines, -1.0, 1.0))


def _mean(total, count):
    return float(total / count) if count else float("nan")
