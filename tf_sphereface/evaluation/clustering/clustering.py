"""Sorting faces into people without names: clusters of embeddings by their angles."""

import math

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.similarity import unit_rows

METHODS = ("agglomerative", "dbscan", "hdbscan")
UNKNOWN = -1
_MOST = 20_000  # faces: their angles are 1.6 GB then, and the methods take copies


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
        no meaning for the method; InputError if there are more than 20,000 faces.
    Reference: scikit-learn's AgglomerativeClustering, DBSCAN and HDBSCAN.
    """
    _check(features, method, threshold, min_faces)
    if len(features) > _MOST:
        raise InputError(
            f"at most {_MOST:,} faces can be clustered, since all pairs of them are "
            f"compared. Received: {len(features):,}"
        )
    if len(features) < min_faces:  # HDBSCAN refuses that
        return np.full(len(features), UNKNOWN)
    if len(features) == 1:
        return _numbered(np.zeros(1, np.intp), min_faces)
    theta = _angles(features)
    limit = None if threshold is None else math.acos(threshold)
    return _numbered(_model(method, limit, min_faces).fit_predict(theta), min_faces)


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


def _angles(features):
    """Radians, float64 (faces, faces)."""
    unit = unit_rows(np.asarray(features, np.float64))
    theta = unit @ unit.T
    np.arccos(np.clip(theta, -1, 1, out=theta), out=theta)
    np.fill_diagonal(theta, 0)
    return theta


def _model(method, limit, min_faces):
    from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering

    if method == "hdbscan":
        return HDBSCAN(min_cluster_size=min_faces, metric="precomputed", copy=True)
    # A face at the threshold itself is accepted, and rounding must not forbid it.
    limit += 1e-9
    if method == "dbscan":
        return DBSCAN(eps=limit, min_samples=min_faces, metric="precomputed")
    return AgglomerativeClustering(
        n_clusters=None,
        distance_threshold=limit,
        metric="precomputed",
        linkage="average",
    )


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
