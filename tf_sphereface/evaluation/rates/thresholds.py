"""Thresholds, and the rates that they give: accuracy, FAR, TAR, EER, AUC.

Everywhere a pair is accepted as one person if `score >= threshold`.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tf_sphereface.errors import InputError

FAR_TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_GRID = np.arange(-10_000, 10_001) / 10_000  # cosines, as in the SphereFace release


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it gave on the measured pairs; rates as fractions.

    Args:
        threshold: Accept if `score >= threshold`.
        far: Impostor pairs accepted.
        tar: Genuine pairs accepted.
        accuracy: Pairs judged rightly.
        far_target: What `far` had to keep to; None if another rule chose the threshold.

    All but `far_target` are NaN where the impostor pairs are too few for the target.
    """

    threshold: float
    far: float
    tar: float
    accuracy: float
    far_target: float | None = None


@dataclasses.dataclass(frozen=True)
class OperatingThresholds:
    """Thresholds for use outside the protocol, where no training mean is at hand.

    Args:
        accuracy: The point of the best accuracy.
        eer: The point where FAR and FRR are closest.
        at_far: For each target the lowest threshold that keeps to it.
    """

    accuracy: OperatingPoint
    eer: OperatingPoint
    at_far: tuple[OperatingPoint, ...]


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Threshold of the best accuracy: the mean of all best ones on a grid of 1e-4.

    Args:
        scores: Float (pairs,), -1..1.
        same: Bool (pairs,), genuine or impostor.

    Reference: https://github.com/wy1iu/sphereface, test/code/evaluation.m.
    """
    genuine, impostor = np.sort(scores[same]), np.sort(scores[~same])
    accepted = len(genuine) - np.searchsorted(genuine, _GRID, side="left")
    rejected = np.searchsorted(impostor, _GRID, side="left")
    right = accepted + rejected
    return float(_GRID[right == right.max()].mean())


def operating_thresholds(
    scores: np.ndarray, same: np.ndarray, fars: Sequence[float] = FAR_TARGETS
) -> OperatingThresholds:
    """Thresholds for deployment, with the rates that they gave on these pairs.

    A phone has no training mean to subtract, so give it the plain cosines of the
    (mirror-concatenated) features. Candidates for `at_far` and `eer` are the scores
    themselves.

    Args:
        scores: Float (pairs,), -1..1, finite.
        same: Bool (pairs,), genuine or impostor.
        fars: Targets in (0, 1]; one that needs more impostor pairs than there are
            gives a point of NaN.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    scores, same = _checked(scores, same)
    fars_seen, tars_seen, candidates = _curve(scores, same)
    nearest = int(np.argmin(np.abs(fars_seen - (1 - tars_seen))))
    at_far = []
    for far in fars:
        if supports_far(np.count_nonzero(~same), far):
            # The highest index keeps to the target with the lowest threshold.
            index = np.flatnonzero(fars_seen <= far * (1 + 1e-9))[-1]
            threshold = float(candidates[index])
            at_far.append(_point(threshold, scores, same, far))
        else:
            at_far.append(OperatingPoint(*[math.nan] * 4, far_target=far))
    return OperatingThresholds(
        accuracy=_point(best_threshold(scores, same), scores, same),
        eer=_point(float(candidates[nearest]), scores, same),
        at_far=tuple(at_far),
    )


def supports_far(impostors: int, far: float) -> bool:
    """True if one false acceptance among so many impostor pairs keeps to `far`."""
    return impostors * far >= 1 - 1e-9


def tar_at_far(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    """Best TAR of all thresholds whose measured FAR is at most `far`.

    Nothing is interpolated. NaN if there are fewer than 1 / far impostor pairs.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    scores, same = _checked(scores, same)
    if not supports_far(np.count_nonzero(~same), far):
        return math.nan
    fars_seen, tars_seen, _ = _curve(scores, same)
    return float(tars_seen[fars_seen <= far * (1 + 1e-9)].max())


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """FAR where it equals FRR, on straight lines between the points of the ROC.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    fars, tars, _ = _curve(*_checked(scores, same))
    difference = fars - (1 - tars)  # rises from -1 to 1
    after = int(np.argmax(difference >= 0))
    before = after - 1
    part = -difference[before] / (difference[after] - difference[before])
    return float(fars[before] + part * (fars[after] - fars[before]))


def area_under_roc(scores: np.ndarray, same: np.ndarray) -> float:
    """Chance that a genuine pair scores higher than an impostor pair; ties count half.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    from sklearn.metrics import roc_auc_score

    scores, same = _checked(scores, same)
    return float(roc_auc_score(same, scores))


def roc_points(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """FAR and TAR of every distinct score as threshold, both rising from 0 to 1.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    return _curve(*_checked(scores, same))[:2]


def _curve(scores, same):
    """FAR, TAR and threshold of every distinct score, thresholds falling.

    The first threshold lies above all scores and accepts nothing. It is a float32
    number, so that it still does so where scores and thresholds are float32.
    """
    from sklearn.metrics import roc_curve

    fars, tars, thresholds = roc_curve(same, scores, drop_intermediate=False)
    thresholds[0] = np.nextafter(np.float32(scores.max()), np.float32(np.inf))
    return fars, tars, thresholds


def _point(threshold, scores, same, far_target=None):
    accepted = scores >= threshold
    return OperatingPoint(
        threshold=threshold,
        far=float(accepted[~same].mean()),
        tar=float(accepted[same].mean()),
        accuracy=float((accepted == same).mean()),
        far_target=far_target,
    )


def _checked(scores, same):
    scores, same = np.asarray(scores, np.float64), np.asarray(same, bool)
    if scores.shape != same.shape or scores.ndim != 1:
        raise ValueError(
            "`scores` and `same` must both be (pairs,). "
            f"Received: scores={scores.shape}, same={same.shape}"
        )
    if same.all() or not same.any():
        raise InputError(
            "there must be genuine and impostor pairs with both photos. "
            f"Received: {np.count_nonzero(same)} genuine, "
            f"{np.count_nonzero(~same)} impostor"
        )
    return scores, same
