"""Sorting faces into people without names: clusters of embeddings by their angles."""

import math

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.similarity import unit_rows

METHODS = ("agglomerative", "dbscan", "hdbscan")
UNKNOWN = -1
_ROWS = 512  # of angles at a time
# Faces that take 4 GB: a pair takes 10 bytes, or up to 27.
MOST_FACES = {"agglomerative": 20_000, "dbscan": 12_000, "hdbscan": 12_000}


def cluster_features(
    features: np.ndarray,
    method: str = "agglomerative",
    threshold: float | None = None,
    min_faces: int = 2,
) -> np.ndarray:
    """The cluster of each face.

    "agglomerative" joins the two clusters whose faces are nearest on average, until
    that mean angle is more than the threshold's. "dbscan" follows chains of neighbours
    within that angle, from faces that have `min_faces` of them, the face itself
    counted. "hdbscan" finds its own level for each cluster, and takes no threshold; a
    face that is far from all may still be in one.

    Args:
        features: Float (faces, dim), finite, not L2-normalised.
        method: One of `METHODS`.
        threshold: Cosine, -1..1: the one that decides between same and different.
        min_faces: Smaller clusters, and faces in none, are `UNKNOWN`.

    Returns: Integer (faces,), 0 for the largest cluster; -1 for unknown.
    Raises: ValueError if an argument is out of range, or `threshold` is missing or has
        no meaning for the method; InputError if there are more faces than
        `MOST_FACES`, for which it takes 4 GB of memory.
    Reference: SciPy's average linkage; scikit-learn's DBSCAN and HDBSCAN.
    """
    _check(features, method, threshold, min_faces)
    if len(features) > MOST_FACES[method]:
        raise InputError(
            f"at most {MOST_FACES[method]:,} faces can be clustered by {method}, since "
            "all pairs of them are compared, which takes 4 GB of memory then. "
            f"Received: {len(features):,}"
        )
    if len(features) < min_faces:  # HDBSCAN refuses that
        return np.full(len(features), UNKNOWN)
    if len(features) == 1:
        return _numbered(np.zeros(1, np.intp), min_faces)
    unit = unit_rows(np.asarray(features, np.float64))
    # A face at the threshold itself is accepted, and rounding must not forbid it.
    limit = None if threshold is None else math.acos(threshold) + 1e-9
    if method == "agglomerative":
        labels = _average_linkage(unit, limit)
    elif method == "dbscan":
        labels = _dbscan(unit, limit, min_faces)
    else:
        labels = _hdbscan(unit, min_faces)
    return _numbered(labels, min_faces)


def _check(features, method, threshold, min_faces):
    features = np.asarray(features)
    if features.ndim != 2 or not len(features) or not np.isfinite(features).all():
        raise ValueError(
            "`features` must be finite and (faces, dim), at least one face. "
            f"Received: features={features.shape}"
        )
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. Received: method={method!r}"
        )
    if (threshold is None) != (method == "hdbscan"):
        raise ValueError(
            "`threshold` must be given for all methods but hdbscan. "
            f"Received: method={method!r}, threshold={threshold!r}"
        )
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(
            f"`threshold` must be a cosine, -1..1. Received: threshold={threshold!r}"
        )
    if min_faces < 1 or (method == "hdbscan" and min_faces < 2):
        raise ValueError(
            "`min_faces` must be at least 1, for hdbscan 2. "
            f"Received: min_faces={min_faces}"
        )


def _average_linkage(unit, limit):
    """Labels of clusters; each pair's angle is in memory twice, not six times."""
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(unit)
    pairs, filled = np.empty(count * (count - 1) // 2), 0
    for start in range(0, count, _ROWS):
        for row, theta in enumerate(_angles(unit, start, start + _ROWS), start + 1):
            pairs[filled : filled + count - row] = theta[row:]
            filled += count - row
    return fcluster(linkage(pairs, "average"), limit, "distance")


def _angles(unit, start=0, stop=None):
    """Radians of some rows with all, float64 (rows, faces)."""
    theta = unit[start:stop] @ unit.T
    np.arccos(np.clip(theta, -1, 1, out=theta), out=theta)
    np.fill_diagonal(theta[:, start:], 0)
    return theta


def _dbscan(unit, limit, min_faces):
    from sklearn.cluster import DBSCAN

    # The chord of the angle: scikit-learn then keeps the near pairs alone.
    chord = 2 * math.sin(limit / 2)
    return DBSCAN(eps=chord, min_samples=min_faces, algorithm="brute").fit_predict(unit)


def _hdbscan(unit, min_faces):
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(min_cluster_size=min_faces, metric="precomputed", copy=False)
    return model.fit_predict(_angles(unit))


def _numbered(labels, min_faces):
    """Clusters by size, the one with the first face first among equals."""
    known = labels >= 0
    found, first, counts = np.unique(
        labels[known], return_index=True, return_counts=True
    )
    kept = [place for place, count in enumerate(counts) if count >= min_faces]
    kept.sort(key=lambda place: (-counts[place], first[place]))
    numbers = np.full(len(labels), UNKNOWN)
    for number, place in enumerate(kept):
        numbers[labels == found[place]] = number
    return numbers
