"""Tests for tf_sphereface.evaluation.verification.intervals, on known distributions.

People are random directions on the sphere, their photos von Mises-Fisher about them.
"""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy.stats import beta, vonmises_fisher

from tf_sphereface.evaluation import (
    bootstrap_people,
    evaluate_features,
    with_intervals,
)
from tf_sphereface.evaluation.pairs.people import PairPeople

DIM, PEOPLE, PHOTOS, FAR = 8, 60, 4, 0.05
# Some people are harder than others, so that pairs of one person are not independent.
KAPPAS = (6.0, 60.0)


def photos_about(kappa, photos, rng):
    axis = vonmises_fisher(np.eye(DIM)[0], kappa)
    return axis.rvs(photos, random_state=rng)


def turned(points, rng):
    """The same points about a random direction, to which the first axis is mirrored."""
    target = rng.normal(size=DIM)
    normal = np.eye(DIM)[0] - target / np.linalg.norm(target)
    normal /= np.linalg.norm(normal)
    return points - 2 * np.outer(points @ normal, normal)


def simulate(seed):
    """Report of all genuine and some impostor pairs, with their people."""
    rng = np.random.default_rng(seed)
    kappas = rng.choice(KAPPAS, PEOPLE)
    features = [turned(photos_about(kappa, PHOTOS, rng), rng) for kappa in kappas]
    first, second = np.triu_indices(PHOTOS, k=1)
    start = PHOTOS * np.arange(PEOPLE)[:, None]
    genuine = (start + first).ravel(), (start + second).ravel()
    one, other = np.triu_indices(PEOPLE, k=1)
    impostor = (
        PHOTOS * index + rng.integers(0, PHOTOS, len(one)) for index in (one, other)
    )
    left, right = (
        np.concatenate(sides) for sides in zip(genuine, impostor, strict=True)
    )
    same = np.arange(len(left)) < len(genuine[0])
    report = evaluate_features(
        np.concatenate(features), left, right, same, np.arange(len(left)) % 2,
        fars=(FAR,), rule="insightface",
    )  # fmt: skip
    people = (left // PHOTOS, right // PHOTOS)
    names = (side.astype(str) for side in people)
    return dataclasses.replace(report, people=PairPeople(*people, *names))


@pytest.fixture(scope="module")
def truth():
    """TAR at FAR and EER: impostor cosines are Beta, genuine ones drawn 200,000 times.

    (1 + cosine) / 2 of two random directions has the Beta distribution with both
    parameters (dim - 1) / 2.
    """
    rng = np.random.default_rng(99)
    halves = [[photos_about(k, 100_000, rng) for _ in range(2)] for k in KAPPAS]
    genuine = np.sort(np.concatenate([(a * b).sum(axis=1) for a, b in halves]))

    def rates(threshold):
        far = beta.sf((1 + threshold) / 2, (DIM - 1) / 2, (DIM - 1) / 2)
        return far, 1 - np.searchsorted(genuine, threshold) / len(genuine)

    threshold = 2 * beta.isf(FAR, (DIM - 1) / 2, (DIM - 1) / 2) - 1
    grid = np.linspace(0, 1, 20_001)
    fars, tars = rates(grid)
    eer = fars[np.argmin(np.abs(fars + tars - 1))]
    return {"threshold": threshold, "tar": rates(threshold)[1], "eer": eer}


@pytest.fixture(scope="module")
def simulations():
    return [with_intervals(simulate(seed), resamples=200) for seed in range(40)]


def figures_of(report):
    point, [interval] = report.operating.at_far[0], report.intervals.at_far
    return {
        "threshold": (point.threshold, interval.threshold),
        "tar": (point.tar, interval.tar),
        "eer": (report.eer, report.intervals.eer),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threshold", "tar", "eer"])
def test_intervals_cover_the_truth_as_often_as_they_say(simulations, truth, name):
    """Of 40 intervals of 95 %, at least 34: fewer has a chance of 1 in 300."""
    found = [figures_of(report)[name] for report in simulations]
    covered = sum(low <= truth[name] <= high for _, (low, high) in found)
    assert covered >= 34
    values = np.array([value for value, _ in found])
    assert values.mean() == pytest.approx(truth[name], abs=values.std())


def test_intervals_are_as_wide_as_the_figures_spread(simulations):
    """Of the TAR; pairs taken for independent would give less than half of that."""
    values = [figures_of(report)["tar"][0] for report in simulations]
    widths = [np.diff(figures_of(report)["tar"][1]) for report in simulations]
    assert 0.75 < np.mean(widths) / (2 * 1.96 * np.std(values)) < 1.5

    def naive(weights):
        genuine = simulations[0].plain_scores[simulations[0].same]
        return (weights @ (genuine >= 0.5) / weights.sum(axis=1))[:, None]

    pairs = np.arange(simulations[0].same.sum())  # each a person of its own
    low, high = bootstrap_people(pairs, pairs, naive, resamples=200)[0]
    assert high - low < 0.75 * np.mean(widths)


def test_intervals_are_the_quantiles_of_slow_resamples():
    """Each resample again, pair by pair, from the weights that people get."""
    report = simulate(5)
    found = with_intervals(report, resamples=40, seed=2, confidence=0.8).intervals
    weights = []

    def collect(block):
        weights.extend(block)
        return block[:, :1]

    bootstrap_people(report.people.left, report.people.right, collect, 40, seed=2)
    accuracies, tars = [], []
    for row in weights:
        shares = []
        for fold in (0, 1):
            chosen = report.fold == fold
            right = sum(w for w, r in zip(row[chosen], report.right_calls[chosen]) if r)  # noqa: B905
            shares.append(right / sum(row[chosen]))
        accuracies.append(sum(shares) / 2)
        listed = np.repeat(report.plain_scores, row.astype(int))
        same = np.repeat(report.same, row.astype(int))
        allowed = [t for t in set(listed) if (listed[~same] >= t).mean() <= FAR]
        tars.append((listed[same] >= min(allowed)).mean())
    assert found.accuracy == pytest.approx(np.quantile(accuracies, [0.1, 0.9]))
    assert found.at_far[0].tar == pytest.approx(np.quantile(tars, [0.1, 0.9]))


def test_interval_holds_its_figure_and_goes_into_the_json():
    report = with_intervals(simulate(1), resamples=100)
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))["intervals"]
    assert (content["people"], content["resamples"]) == (PEOPLE, 100)
    for name in ("accuracy", "auc", "eer"):
        low, high = content[name]
        assert low < getattr(report, name) < high
    low, high = content["tar_at_far"][0]["tar"]
    assert low < report.tar_at_far[FAR] < high


def test_without_errors_intervals_are_unknown_null_and_noted():
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(40, 16)), 2, axis=0)
    left = np.concatenate([np.arange(0, 80, 2)] * 2)
    right = np.concatenate([left[:40] + 1, (left[:40] + 2) % 80])
    report = evaluate_features(
        features, left, right, np.arange(80) < 40, np.arange(80) % 2, fars=(0.1, 0.01)
    )
    people = PairPeople(left // 2, right // 2, left.astype(str), right.astype(str))
    report = with_intervals(dataclasses.replace(report, people=people), resamples=50)
    assert report.accuracy == 1.0
    assert all(map(math.isnan, report.intervals.accuracy))
    assert math.isnan(report.intervals.tar_at_far[0.01].low)
    assert report.to_json()["intervals"]["accuracy"] == [None, None]
    (note,) = (note for note in report.notes if "no interval: all res" in note)
    assert note.endswith(": accuracy, EER, TAR at FAR 0.1.")
    few = PairPeople(left // 20, right // 20, people.left_names, people.right_names)
    report = with_intervals(dataclasses.replace(report, people=few), resamples=50)
    assert report.notes[-1].endswith("no interval: 4 people are fewer than 10.")


def test_report_without_people_is_refused():
    report = dataclasses.replace(simulate(0), people=None)
    with pytest.raises(ValueError, match="report.people=None"):
        with_intervals(report)
