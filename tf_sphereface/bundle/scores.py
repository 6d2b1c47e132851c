"""Cosine scores of features, and the measured thresholds to compare them with."""

import math

import numpy as np

from tf_sphereface.bundle.contract import threshold_key
from tf_sphereface.errors import InputError
from tf_sphereface.similarity import unit_rows


def cosine_scores(features: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Cosine of every feature with every feature of a gallery.

    Args:
        features: Float (probes, feature_dim), of any length > 0.
        gallery: Float (faces, feature_dim).

    Returns: Float64 (probes, faces), -1..1.
    Raises: ValueError if the shapes are others, or a feature has length zero or is not
        finite.
    """
    features, gallery = np.asarray(features), np.asarray(gallery)
    shapes = features.shape, gallery.shape
    if not len(shapes[0]) == len(shapes[1]) == 2 or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            "`features` and `gallery` must be (faces, feature_dim), of one bundle. "
            f"Received: features={shapes[0]}, gallery={shapes[1]}"
        )
    return np.clip(_directions(features) @ _directions(gallery).T, -1, 1)


def _directions(features):
    if not (np.isfinite(features).all() and features.any(axis=1).all()):
        raise ValueError("a feature must be finite and not zero")
    return unit_rows(features.astype(np.float64))


def measured_threshold(thresholds: dict[str, float] | None, far: float) -> float | None:
    """The threshold at a FAR among those of a variant.

    Args:
        thresholds: As a contract has them; None if none was measured.
        far: False accept rate, a fraction above 0 and at most 1.

    Returns: The least score, -1..1, of one person; None without thresholds.
    Raises: InputError if `far` is no such fraction, or if thresholds were measured, but
        not at this FAR.
    """
    if not 0 < far <= 1:
        raise InputError(f"a FAR must be above 0 and at most 1. Received: {far:g}")
    if thresholds is None:
        return None
    key = threshold_key(far)
    if key not in thresholds:
        raise InputError(_no_threshold(far, thresholds))
    return thresholds[key]


def _no_threshold(far, thresholds):
    measured = sorted(
        float(key.removeprefix("far_")) for key in thresholds if key.startswith("far_")
    )
    message = f"the bundle has no threshold at FAR {far:g}"
    if measured:
        nearest = min(measured, key=lambda other: abs(math.log(other / far)))
        listed = ", ".join(f"{other:g}" for other in measured)
        message += f"; it has FAR {listed}: say --far {nearest:g}"
    needed = (1 - 1e-9) / far
    if math.isinf(needed):  # the least numbers have no reciprocal
        return message
    return (
        f"{message} (a FAR of {far:g} needs {math.ceil(needed)} impostor pairs to "
        "measure)"
    )
