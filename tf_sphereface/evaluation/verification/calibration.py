"""From the scores of pairs to thresholds with intervals, and to a probability."""

import dataclasses
import math

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.rates.bootstrap import RESAMPLES
from tf_sphereface.evaluation.verification.intervals import with_intervals
from tf_sphereface.evaluation.verification.report import VerificationReport

FRR = 0.01


@dataclasses.dataclass(frozen=True)
class ScoreCalibration:
    """Meaning of the scores of one model.

    Args:
        report: With intervals.
        slope: Of the probability.
        intercept: probability = 1 / (1 + exp(-(slope * score + intercept))), for as
            many genuine as impostor pairs.
        frr_target: Share of the genuine pairs that may be called different.
        different_below: Highest threshold that keeps to it; NaN if the genuine pairs
            are fewer than 1 / frr_target.
    """

    report: VerificationReport
    slope: float
    intercept: float
    frr_target: float
    different_below: float


def calibrate(
    report: VerificationReport,
    frr: float = FRR,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ScoreCalibration:
    """Finds out what the plain cosines of a verification mean.

    Args:
        report: From `evaluate_verification` with the FARs to have thresholds for.
        frr: Share of the genuine pairs that may be called different, in (0, 1).
        resamples: For the intervals of the thresholds.
        seed: For the intervals.

    Raises: InputError if the FRR is out of range, or the pairs suffice for none of the
        FARs; ValueError as `with_intervals`.
    """
    if not 0 < frr < 1:
        raise InputError(f"an FRR must be above 0 and below 1. Received: {frr:g}")
    if all(math.isnan(tar) for tar in report.tar_at_far.values()):
        fars = ", ".join(f"{far:g}" for far in report.tar_at_far)
        raise InputError(
            f"the pairs suffice for no threshold at FAR {fars}: each takes 1 / FAR "
            "impostor pairs with both photos"
        )
    known = ~np.isnan(report.plain_scores)
    scores, same = report.plain_scores[known], report.same[known]
    slope, intercept = fit_probability(scores, same)
    return ScoreCalibration(
        report=with_intervals(report, resamples, seed),
        slope=slope,
        intercept=intercept,
        frr_target=frr,
        different_below=rejection_threshold(scores, same, frr),
    )


def fit_probability(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the logistic curve that fits the pairs best.

    Genuine and impostor pairs weigh the same in all, so that 0.5 is where both are
    equally likely if they are equally frequent. Each pair counts a little for the other
    kind, (n + 1) / (n + 2) for its own, so that the slope is finite where scores do not
    overlap.

    Args:
        scores: Float (pairs,), finite.
        same: Bool (pairs,), genuine or impostor, some of each.

    Reference: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    from sklearn.linear_model import LogisticRegression

    scores, same = np.asarray(scores, np.float64), np.asarray(same, bool)
    counts = np.where(same, same.sum(), (~same).sum())
    own = (counts + 1) / (counts + 2)
    mean, spread = scores.mean(), max(scores.std(), 1e-6)
    shifted = (scores - mean) / spread
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000)
    model.fit(
        np.tile(shifted, 2)[:, None],
        np.concatenate([same, ~same]),
        sample_weight=np.concatenate([own / counts, (1 - own) / counts]) * len(same),
    )
    slope = float(model.coef_[0, 0] / spread)
    return slope, float(model.intercept_[0] - slope * mean)


def rejection_threshold(scores: np.ndarray, same: np.ndarray, frr: float) -> float:
    """The highest threshold below which at most `frr` of the genuine pairs lie.

    Args:
        scores: Float (pairs,), finite.
        same: Bool (pairs,).
        frr: Fraction.

    Returns: A score of a genuine pair; NaN if there are fewer than 1 / frr of them.
    """
    genuine = np.sort(np.asarray(scores)[np.asarray(same, bool)])
    allowed = math.floor(frr * len(genuine) + 1e-9)
    return float(genuine[allowed]) if allowed else math.nan
