"""The gate of the detector: a variant must find the faces of the Keras cascade."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_sphereface.bundle.records import DetectorDrift, Gate
from tf_sphereface.detection import Face
from tf_sphereface.detection.boxes import overlap

_SAME_FACE = 0.5  # intersection over union
# In place of a shift where no face is common: as far as the eyes are apart.
_NOTHING_COMMON = 1.0
_LEAST_DISTANCE = 1e-6  # of the eyes, pixels


@dataclasses.dataclass(frozen=True)
class DetectorLimits:
    """What a variant may differ by from the Keras cascade.

    The yardstick is the float cascade itself. If LFW photos are moved by one pixel, it
    loses 1% of the faces, finds 2.7% others, and the landmarks move by 0.028 of the
    eyes' distance on average and 0.18 at the 99th percentile, since a cascade jumps
    where two proposals score alike. A shift below that is lost in what detection varies
    by anyway. Faces may come and go at twice that rate: a hundred photos have one or
    two about the threshold.

    Args:
        min_found: Least share of its faces that are found, 0..1.
        max_extra: Most faces that it does not find, over its faces.
        max_landmark_shift: Greatest mean landmark shift, over the eyes' distance.
        max_p99_landmark_shift: Greatest 99th percentile of the same.

    Raises: ValueError if a limit is out of range.
    """

    min_found: float = 0.98
    max_extra: float = 0.05
    max_landmark_shift: float = 0.025
    max_p99_landmark_shift: float = 0.15

    def __post_init__(self):
        if not 0 <= self.min_found <= 1:
            raise ValueError(
                f"`min_found` must be 0..1. Received: min_found={self.min_found!r}"
            )
        for name in ("max_extra", "max_landmark_shift", "max_p99_landmark_shift"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"`{name}` must be at least 0. "
                    f"Received: {name}={getattr(self, name)!r}"
                )


def measure_detector_drift(
    reference: Sequence[Sequence[Face]], found: Sequence[Sequence[Face]]
) -> DetectorDrift:
    """Compares the faces of the same photos.

    Faces are paired one to one, those that overlap most first. Where no face is common,
    the mean overlap is 0 and the shifts are 1.

    Args:
        reference: Faces of the Keras cascade, photo by photo.
        found: Those of the variant.

    Raises: ValueError if the numbers of photos differ, or the reference has no face.
    """
    faces = sum(map(len, reference))
    if len(reference) != len(found) or not faces:
        raise ValueError(
            "`reference` and `found` must be of the same photos, with a face. "
            f"Received: {len(reference)} and {len(found)} photos, {faces} faces"
        )
    overlaps, shifts = [], []
    for ours, theirs in zip(reference, found, strict=True):
        for one, other, shared in _pairs(ours, theirs):
            overlaps.append(shared)
            shifts.append(_landmark_shift(ours[one], theirs[other]))
    common = shifts or [_NOTHING_COMMON]
    return DetectorDrift(
        photos=len(reference),
        faces=faces,
        found=len(shifts) / faces,
        extra=(sum(map(len, found)) - len(shifts)) / faces,
        mean_iou=float(np.mean(overlaps or [0.0])),
        mean_landmark_shift=float(np.mean(common)),
        p99_landmark_shift=float(np.percentile(common, 99)),
    )


def detector_gate(drift: DetectorDrift, limits: DetectorLimits) -> Gate:
    """Holds a drift against the limits; `failures` has a line for each it exceeds."""
    failures = []
    if not drift.found >= limits.min_found:
        failures.append(
            f"finds {drift.found:.4f} of the {drift.faces} faces, the limit is "
            f"{limits.min_found:g}"
        )
    for what, name, limit in (
        ("extra faces", "extra", limits.max_extra),
        ("mean landmark shift", "mean_landmark_shift", limits.max_landmark_shift),
        ("99% landmark shift", "p99_landmark_shift", limits.max_p99_landmark_shift),
    ):
        if not getattr(drift, name) <= limit:
            failures.append(
                f"{what} {getattr(drift, name):.4f}, the limit is {limit:g}"
            )
    return Gate(passed=not failures, failures=tuple(failures))


def _pairs(ours, theirs):
    """(index, other index, overlap) of common faces of a photo, best overlap first."""
    if not ours or not theirs:
        return
    shared = overlap(
        np.stack([face.box for face in ours]), np.stack([face.box for face in theirs])
    )
    while (best := shared.max()) >= _SAME_FACE:
        one, other = np.unravel_index(shared.argmax(), shared.shape)
        yield one, other, float(best)
        shared[one], shared[:, other] = 0, 0


def _landmark_shift(face, other):
    eyes = np.linalg.norm(face.landmarks[0] - face.landmarks[1])
    shift = np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean()
    return shift / max(eyes, _LEAST_DISTANCE)
