"""Measures of every crop from the manifest, as arrays; no picture is read."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from tf_sphereface.data.aligned.manifest import KEPT, ManifestRow
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import fit_similarities


@dataclasses.dataclass(frozen=True)
class CropMeasures:
    """Measures of n crops, sorted by name.

    A face whose landmarks were given has no box and no score, and a crop that came as
    a crop has no landmarks either: what does not exist is NaN.

    Args:
        names: "IDENTITY/FILE" of each crop.
        scores: Float (n,), the detector's score 0..1.
        faces: Int (n,), faces found in the photo.
        sides: Float (n,), the longer side of the face's box in the photo, pixels.
        rolls: Float (n,), degrees by which the face is turned in the photo, clockwise
            positive; the crop is upright.
        scales: Float (n,), pixels of the crop for a pixel of the photo: above 1 the
            face was enlarged.
        misfits: Float (n,), root mean square distance of the five warped landmarks
            from the template, pixels of the crop.
        warped: Float32 (n, 5, 2), where the landmarks lie in the crop.
        confidences: Float (n,), of the landmarks, 0..1.
    """

    names: tuple[str, ...]
    scores: np.ndarray
    faces: np.ndarray
    sides: np.ndarray
    rolls: np.ndarray
    scales: np.ndarray
    misfits: np.ndarray
    warped: np.ndarray
    confidences: np.ndarray


def measure_crops(
    rows: Iterable[ManifestRow], template: np.ndarray, fit: str = "crop"
) -> CropMeasures:
    """Measures the crops of a manifest.

    Args:
        rows: Of the manifest, in any order; dropped photos are passed over.
        template: Float (5, 2), where the landmarks shall lie in a crop.
        fit: As in `CropGeometry`.

    Raises: InputError that names a crop with half a box or a few landmarks only.
    """
    kept = sorted((row for row in rows if row.status == KEPT), key=lambda row: row.crop)
    for row in kept:
        if len(row.box) not in (0, 4) or len(row.landmarks) not in (0, 10):
            raise InputError(f"damaged manifest: box or landmarks of {row.crop}")
    boxes = _table([row.box for row in kept], 4)
    landmarks = _table([row.landmarks for row in kept], 10).reshape(-1, 5, 2)
    turns = np.full(len(kept), complex(np.nan, np.nan))
    warped, known = np.full_like(landmarks, np.nan), np.isfinite(landmarks[:, 0, 0])
    turns[known], warped[known] = fit_similarities(landmarks[known], template, fit)
    distances = np.square(warped - template).sum(axis=2)
    return CropMeasures(
        names=tuple(row.crop for row in kept),
        scores=np.array([row.score for row in kept], np.float64),
        faces=np.array([row.faces for row in kept], np.int64),
        sides=(boxes[:, 2:] - boxes[:, :2]).max(axis=1),
        rolls=-np.degrees(np.angle(turns)),
        scales=np.abs(turns),
        misfits=np.sqrt(distances.mean(axis=1)),
        warped=warped.astype(np.float32),
        confidences=np.array([row.landmark_confidence for row in kept], np.float64),
    )


def measured(values: np.ndarray) -> np.ndarray:
    """The values that exist, (m,) or (m, 5, 2): those of the rows without NaN."""
    return values[np.isfinite(values).all(axis=tuple(range(1, values.ndim)))]


def _table(rows, width):
    empty = (np.nan,) * width
    return np.array([row or empty for row in rows], np.float64).reshape(-1, width)
