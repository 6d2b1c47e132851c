"""Tests for tf_sphereface.evaluation.rates.bootstrap and weighted_rates."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from tf_sphereface.evaluation import bootstrap_people
from tf_sphereface.evaluation.rates import bootstrap as bootstrap_module
from tf_sphereface.evaluation.rates.thresholds import (
    area_under_roc,
    equal_error_rate,
    operating_thresholds,
    tar_at_far,
)
from tf_sphereface.evaluation.rates.weighted_rates import (
    WeightedRates,
    areas,
    equal_error_rates,
    points_at_far,
)

FARS = (1.0, 0.3, 0.1)


def weights_of(left, right, resamples=200, **options):
    """The weights that a statistic is given, of all resamples."""
    seen = []

    def statistics(weights):
        seen.append(weights.copy())
        return weights.sum(axis=1, keepdims=True)

    bootstrap_people(left, right, statistics, resamples, **options)
    return np.concatenate(seen)


def test_pair_counts_as_often_as_its_people_were_drawn():
    """The genuine pairs, one of each person, tell how often each was drawn."""
    people = 12
    left = np.array([*range(people), 0, 1, 5, 7])
    right = np.array([*range(people), 3, 9, 11, 0])
    weights = weights_of(left, right)
    times = weights[:, :people]
    assert (times == np.round(times)).all()
    assert (times.sum(axis=1) == people).all()
    assert times.mean(axis=0).min() > 0.9 and times.max() >= 4
    for pair in range(people, len(left)):
        product = times[:, left[pair]] * times[:, right[pair]]
        np.testing.assert_array_equal(weights[:, pair], product)


def test_numbers_of_people_are_only_names():
    left, right = np.array([0, 1, 2, 0]), np.array([0, 1, 2, 2])
    np.testing.assert_array_equal(
        weights_of(left, right), weights_of(left * 100 + 7, right * 100 + 7)
    )


def test_seed_decides_and_blocks_do_not(monkeypatch):
    left, right = np.arange(15), np.roll(np.arange(15), 4)
    whole = weights_of(left, right, seed=3)
    monkeypatch.setattr(bootstrap_module, "_BLOCK", 100)
    np.testing.assert_array_equal(weights_of(left, right, seed=3), whole)
    assert (weights_of(left, right, seed=4) != whole).any()


def test_interval_of_a_mean_over_people_is_the_normal_one():
    """One pair a person: the mean's interval is 1.96 standard errors to both sides."""
    rng = np.random.default_rng(0)
    values, people = rng.normal(size=400), np.arange(400)

    def mean(weights):
        return (weights @ values / weights.sum(axis=1))[:, None]

    [[low, high]] = bootstrap_people(people, people, mean, resamples=4000)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


@pytest.mark.parametrize("case", ["few people", "no spread", "undefined"])
def test_interval_is_unknown_where_the_sample_cannot_say(case):
    people = np.arange(9 if case == "few people" else 30)

    def statistic(weights):
        figure = {
            "few people": weights[:, 0],
            "no spread": np.ones(len(weights)),
            "undefined": np.where(weights[:, 0] > 0, weights[:, 1], np.nan),
        }[case]
        return np.column_stack([figure, weights[:, 2]])

    bounds = bootstrap_people(people, people, statistic)
    assert np.isnan(bounds[0]).all()
    assert np.isnan(bounds[1]).all() == (case == "few people")


@pytest.mark.parametrize("options", [{"resamples": 19}, {"confidence": 1.0}])
def test_numbers_out_of_range_are_named(options):
    [(name, value)] = options.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        bootstrap_people(np.arange(20), np.arange(20), lambda w: w, **options)


def weighted_case(seed, decimals=1):
    rng = np.random.default_rng(seed)
    same = rng.random(60) < 0.5
    scores = (np.where(same, 0.3, 0.0) + rng.normal(0, 0.3, 60)).round(decimals)
    return scores, same, rng.integers(0, 4, (5, 60)).astype(float)


@pytest.mark.parametrize("decimals", [1, 9])  # 1: many ties
def test_weighted_rates_are_those_of_pairs_listed_so_often(decimals):
    scores, same, weights = weighted_case(0, decimals)
    rates = WeightedRates(scores, same)
    fars, tars = rates.curves(weights)
    at_far = points_at_far(fars, FARS)
    for row, times in enumerate(weights.astype(int)):
        listed = np.repeat(scores, times), np.repeat(same, times)
        assert areas(fars, tars)[row] == pytest.approx(area_under_roc(*listed))
        expected = pytest.approx(equal_error_rate(*listed))
        assert equal_error_rates(fars, tars)[row] == expected
        points = operating_thresholds(*listed, FARS).at_far
        for far, index, point in zip(FARS, at_far[row], points, strict=True):
            assert tars[row, index] == pytest.approx(tar_at_far(*listed, far))
            assert fars[row, index] == pytest.approx(point.far)
            assert rates.thresholds[index] <= point.threshold


def test_weighted_rates_equal_scikit_learns_sample_weights():
    scores, same, weights = weighted_case(1)
    fars, tars = WeightedRates(scores, same).curves(weights + 0.5)
    for row in range(len(weights)):
        options = {"sample_weight": weights[row] + 0.5}
        expected = roc_curve(same, scores, drop_intermediate=False, **options)
        np.testing.assert_allclose(fars[row], expected[0], atol=1e-12)
        np.testing.assert_allclose(tars[row], expected[1], atol=1e-12)
        auc = roc_auc_score(same, scores, **options)
        assert areas(fars, tars)[row] == pytest.approx(auc)


def test_resample_without_a_kind_of_pairs_has_no_rates():
    scores, same = np.array([0.9, 0.1, 0.5]), np.array([True, False, False])
    weights = np.array([[0.0, 1, 1], [1, 0, 0], [1, 1, 0]])
    fars, tars = WeightedRates(scores, same).curves(weights)
    for rates in (areas(fars, tars), equal_error_rates(fars, tars)):
        assert np.isnan(rates).tolist() == [True, True, False]
    found = np.take_along_axis(tars, points_at_far(fars, FARS), 1)
    assert np.isnan(found).all(axis=1).tolist() == [True, True, False]
