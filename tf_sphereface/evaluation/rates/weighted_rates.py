"""AUC, EER, TAR and thresholds of pairs that count unequally, many weightings at once.

With all weights 1 they are the figures of `thresholds.py`.
"""

from collections.abc import Sequence

import numpy as np


class WeightedRates:
    """Scores in order, to be counted again with other weights.

    Args:
        scores: Float (pairs,), finite.
        same: Bool (pairs,), genuine or impostor.

    Its methods take weights, float (rows, pairs) in the order of `scores`, or the
    curves made of them.
    """

    def __init__(self, scores: np.ndarray, same: np.ndarray):
        scores, same = np.asarray(scores, np.float64), np.asarray(same, bool)
        self._order = np.argsort(-scores, kind="stable")
        falling = scores[self._order]
        self._genuine = same[self._order]
        # Ties are one point of the curve: all are accepted, or none.
        self._ends = np.flatnonzero(np.append(falling[:-1] != falling[1:], True))
        above = np.nextafter(np.float32(falling[0]), np.float32(np.inf))
        self.thresholds = np.append(np.float64(above), falling[self._ends])

    def curves(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """FAR and TAR, (rows, points), at each of `thresholds`, both rising from 0.

        A row is NaN where all genuine, or all impostor pairs, have the weight 0.
        """
        ordered = weights[:, self._order]
        tars = self._rising(ordered * self._genuine)
        fars = self._rising(ordered * ~self._genuine)
        undefined = np.isnan(fars[:, -1]) | np.isnan(tars[:, -1])
        fars[undefined], tars[undefined] = np.nan, np.nan
        return fars, tars

    def _rising(self, weights):
        totals = np.cumsum(weights, axis=1)[:, self._ends]
        rates = np.zeros((len(totals), totals.shape[1] + 1))
        last = totals[:, -1:]
        np.divide(totals, np.where(last > 0, last, np.nan), out=rates[:, 1:])
        return rates


def areas(fars: np.ndarray, tars: np.ndarray) -> np.ndarray:
    """Area under each ROC (rows,): ties count half."""
    return (np.diff(fars) * (tars[:, 1:] + tars[:, :-1])).sum(axis=1) / 2


def equal_error_rates(fars: np.ndarray, tars: np.ndarray) -> np.ndarray:
    """FAR (rows,) where it equals FRR, on straight lines between the points."""
    difference = fars + tars - 1  # rises from -1 to 1
    after = np.argmax(difference >= 0, axis=1)[:, None]
    after = np.maximum(after, 1)  # 0 where all are NaN, and so is the result
    high, low = (np.take_along_axis(difference, i, 1) for i in (after, after - 1))
    far, far_before = (np.take_along_axis(fars, i, 1) for i in (after, after - 1))
    part = -low / (high - low)
    return (far_before + part * (far - far_before))[:, 0]


def points_at_far(fars: np.ndarray, targets: Sequence[float]) -> np.ndarray:
    """Index (rows, targets) of the last point of a curve that keeps to each FAR."""
    kept = [(fars <= far * (1 + 1e-9)).sum(axis=1) - 1 for far in targets]
    return (
        np.maximum(np.stack(kept, axis=1), 0) if kept else np.zeros((len(fars), 0), int)
    )
