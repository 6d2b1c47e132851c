"""Tests for tf_sphereface.evaluation.rates.thresholds."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import best_threshold, operating_thresholds
from tf_sphereface.evaluation.rates.thresholds import (
    area_under_roc,
    equal_error_rate,
    tar_at_far,
)

# Ten genuine and ten impostor pairs, worked by hand below.
GENUINE = [0.9, 0.8, 0.8, 0.7, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1]
IMPOSTOR = [0.65, 0.35, 0.2, 0.2, 0.1, 0.0, -0.1, -0.2, -0.3, -0.9]
SCORES = np.array(GENUINE + IMPOSTOR)
SAME = np.array([True] * 10 + [False] * 10)


def simulated(seed, pairs=2000, spread=0.25):
    rng = np.random.default_rng(seed)
    same = rng.random(pairs) < 0.5
    scores = np.where(same, 0.5, 0.0) + rng.normal(0, spread, pairs)
    return np.clip(scores, -1, 1), same


def test_best_threshold_is_the_mean_of_all_best_grid_points():
    # Right are 8 + 9 pairs at 0.3501 .. 0.4000 (500 points, mean 0.37505), and 9 + 8 at
    # 0.2001 .. 0.3000 (1,000 points, mean 0.25005); fewer everywhere else.
    expected = (500 * 0.37505 + 1000 * 0.25005) / 1500
    assert best_threshold(SCORES, SAME) == pytest.approx(expected, abs=1e-9)


def test_best_threshold_of_separate_scores_lies_between_them():
    scores, same = np.array([0.5, 0.3]), np.array([True, False])
    assert best_threshold(scores, same) == pytest.approx(0.40005, abs=1e-9)


def test_pair_at_the_threshold_is_accepted():
    point = operating_thresholds(SCORES, SAME, [0.1]).at_far[0]
    assert (point.threshold, point.tar, point.far) == (0.4, 0.8, 0.1)


def test_operating_point_is_the_lowest_score_that_keeps_to_the_far():
    scores, same = simulated(1)
    for far in (0.5, 0.1, 0.02):
        point = operating_thresholds(scores, same, [far]).at_far[0]
        allowed = [t for t in scores if (scores[~same] >= t).mean() <= far]
        assert point.threshold == min(allowed)


def test_operating_point_above_every_score_accepts_nobody():
    scores, same = np.array([0.2, 0.3, 0.3]), np.array([True, False, False])
    point = operating_thresholds(scores, same, [0.5]).at_far[0]
    assert (point.far, point.tar, point.far_target) == (0.0, 0.0, 0.5)
    assert np.float32(0.3) < np.float32(point.threshold) < 0.301


def test_accuracy_and_eer_points_of_the_hand_worked_pairs():
    points = operating_thresholds(SCORES, SAME)
    assert points.accuracy.threshold == pytest.approx(0.2917166667)
    assert points.accuracy.accuracy == 0.85
    # From 0.35 up: 2 of 10 impostors in, 2 of 10 genuine out.
    assert (points.eer.threshold, points.eer.far, points.eer.tar) == (0.35, 0.2, 0.8)


@pytest.mark.parametrize(("far", "tar"), [(1.0, 1.0), (0.2, 0.9), (0.15, 0.8)])
def test_tar_at_far_is_the_best_measured_without_interpolation(far, tar):
    assert tar_at_far(SCORES, SAME, far) == tar


def test_tar_at_far_survives_a_target_that_rounds_down():
    # 0.3 * 10 is 3, though three of ten as a float exceed no float near 0.3.
    scores = np.array([0.5, 0.9, 0.8, 0.7, *[0.0] * 7])
    same = np.array([True, *[False] * 10])
    assert tar_at_far(scores, same, 0.1 + 0.2 - 1e-16) == 1.0


@pytest.mark.parametrize("far", [0.09, 0.01, 0.001])
def test_far_beyond_the_sample_is_nan(far):
    assert math.isnan(tar_at_far(SCORES, SAME, far))
    point = operating_thresholds(SCORES, SAME, [far]).at_far[0]
    assert point.far_target == far
    assert all(map(math.isnan, (point.threshold, point.far, point.tar, point.accuracy)))


@pytest.mark.parametrize("seed", range(4))
def test_auc_equals_scikit_learn(seed):
    scores, same = simulated(seed, pairs=300)
    assert area_under_roc(scores, same) == roc_auc_score(same, scores)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("decimals", [1, 12])  # 1: many ties
def test_eer_equals_the_crossing_on_scikit_learns_curve(seed, decimals):
    scores, same = simulated(seed, pairs=301)
    scores = scores.round(decimals)
    fars, tars, _ = roc_curve(same, scores)
    index = np.flatnonzero(fars + tars >= 1)[0]
    before, after = index - 1, index

    def gap(part):
        far = fars[before] + part * (fars[after] - fars[before])
        return far + tars[before] + part * (tars[after] - tars[before]) - 1

    part = brentq(gap, 0, 1, xtol=1e-15)
    expected = fars[before] + part * (fars[after] - fars[before])
    assert equal_error_rate(scores, same) == pytest.approx(expected, abs=1e-12)


def test_eer_of_two_normal_distributions_is_the_known_one():
    scores, same = simulated(0, pairs=200_000, spread=0.2)
    expected = 0.5 * math.erfc(0.25 / 0.2 / math.sqrt(2))  # means 0.5 apart
    assert equal_error_rate(scores, same) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("scores", "eer"), [([1, 1, 0, 0], 0.0), ([0, 0, 1, 1], 1.0), ([0.5] * 4, 0.5)]
)
def test_eer_of_perfect_inverted_and_blind_scores(scores, eer):
    same = np.array([True, True, False, False])
    assert equal_error_rate(np.array(scores, float), same) == eer


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    "measure",
    [
        area_under_roc,
        equal_error_rate,
        operating_thresholds,
        lambda scores, same: tar_at_far(scores, same, 0.1),
    ],
)
def test_one_kind_of_pairs_is_an_input_error(measure, same):
    with pytest.raises(InputError, match="genuine and impostor pairs"):
        measure(np.array([0.1, 0.2]), np.array([same, same]))


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"scores=\(2,\), same=\(3,\)"):
        area_under_roc(np.zeros(2), np.zeros(3, bool))
