"""Tests for tf_sphereface.evaluation.verification.calibration."""

import dataclasses
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import evaluate_features
from tf_sphereface.evaluation.pairs.people import PairPeople
from tf_sphereface.evaluation.verification.calibration import (
    calibrate,
    fit_probability,
    rejection_threshold,
)


def newton_fit(scores, same):
    """Logistic regression on smoothed targets by Newton's method, in plain NumPy."""
    positives, negatives = same.sum(), (~same).sum()
    target = np.where(same, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weight = np.where(same, 1 / positives, 1 / negatives)
    design = np.stack([scores, np.ones(len(scores))], axis=1)
    values = np.zeros(2)
    for _ in range(100):
        found = 1 / (1 + np.exp(-design @ values))
        gradient = design.T @ (weight * (found - target))
        hessian = (design * (weight * found * (1 - found))[:, None]).T @ design
        values -= np.linalg.solve(hessian, gradient)
    return values


@pytest.mark.parametrize("overlap", [0.3, 0.0])
def test_probability_is_the_logistic_curve_of_the_best_fit(overlap):
    rng = np.random.default_rng(0)
    same = np.arange(400) < 100  # unlike numbers of each kind
    scores = np.where(same, 0.6, 0.1) + overlap * rng.normal(size=400)
    scores += 0.05 * rng.uniform(-1, 1, size=400)
    assert fit_probability(scores, same) == pytest.approx(
        tuple(newton_fit(scores, same)), rel=1e-3
    )


def test_probability_of_known_distributions():
    """Normal scores of one spread s: ln of the ratio of densities is linear.

    Means a > b: slope (a - b) / s^2, and 0.5 at the middle of the means.
    """
    rng = np.random.default_rng(1)
    same = np.arange(40_000) < 10_000
    scores = np.where(same, 0.5, 0.2) + 0.15 * rng.normal(size=40_000)
    slope, intercept = fit_probability(scores, same)
    assert slope == pytest.approx(0.3 / 0.15**2, rel=0.05)
    assert -intercept / slope == pytest.approx(0.35, abs=0.01)


def test_rejection_threshold_by_hand():
    scores = np.append(np.arange(100) / 100, [5.0, -5.0])
    same = np.append(np.ones(100, bool), [False, False])
    # 2 of 100 lie below 0.02; at 1.5 % only one may.
    assert rejection_threshold(scores, same, 0.02) == 0.02
    assert rejection_threshold(scores, same, 0.015) == 0.01
    assert math.isnan(rejection_threshold(scores, same, 0.009))


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(2)
    people = 60
    centers = np.repeat(rng.normal(size=(people, 16)), 2, axis=0)
    features = centers + 0.6 * rng.normal(size=centers.shape)
    features[3] = np.nan
    evens = np.arange(0, 2 * people, 2)
    left = np.concatenate([evens, evens])
    right = np.concatenate([evens + 1, (evens + 2) % (2 * people)])
    same = np.arange(2 * people) < people
    found = evaluate_features(
        *(features, left, right, same, np.arange(2 * people) % 4), fars=[0.2, 0.05]
    )
    names = np.array([f"p{row // 2}" for row in range(2 * people)])
    return dataclasses.replace(
        found, people=PairPeople(left // 2, right // 2, names[left], names[right])
    )


def test_thresholds_are_of_the_fars_asked_for_with_intervals(report):
    found = calibrate(report, frr=0.1, resamples=200)
    points = found.report.operating.at_far
    assert [point.far_target for point in points] == [0.2, 0.05]
    known = ~np.isnan(report.plain_scores)
    impostors = np.sort(report.plain_scores[known & ~report.same])
    for point, bounds in zip(points, found.report.intervals.at_far, strict=True):
        # One score less would let one stranger too many through.
        allowed = math.floor(point.far_target * len(impostors) + 1e-9)
        assert (impostors >= point.threshold).sum() <= allowed
        assert bounds.threshold.low <= point.threshold <= bounds.threshold.high
        assert bounds.threshold.low < bounds.threshold.high
    genuine = np.sort(report.plain_scores[known & report.same])
    assert found.different_below == genuine[5]  # 59 pairs: 5 may be called different
    assert found.slope > 0


def test_rates_that_mean_nothing_are_named(report):
    with pytest.raises(InputError, match="an FRR must be .* Received: 1"):
        calibrate(report, frr=1.0)
    unmeasured = dataclasses.replace(report, tar_at_far={0.01: math.nan})
    with pytest.raises(InputError, match=r"no threshold at FAR 0.01: each takes"):
        calibrate(unmeasured)
