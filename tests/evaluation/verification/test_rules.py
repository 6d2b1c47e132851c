"""Tests for tf_sphereface.evaluation.verification.rules."""

import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import evaluate_features
from tf_sphereface.evaluation.verification.rules import cosines, squared_distances


def on_circle(cosine):
    return [cosine, math.sqrt(1 - cosine**2)]


def in_folds(features, folds=2):
    """A genuine and an impostor pair a fold, each of photos of its own."""
    pairs = 2 * folds
    rows = np.arange(2 * pairs).reshape(pairs, 2)
    same = np.tile([True, False], folds)
    return np.array(features), rows[:, 0], rows[:, 1], same, np.arange(pairs) // 2


def test_insightface_worked_by_hand():
    """Squared distances, genuine and impostor: 1.005 and 2.515; 2.505 and 3.005.

    The second fold is judged rightly from 2.51 to 3.00, so 2.51 judges the first, and
    rightly. The first is judged rightly from 1.01 to 2.51, so 1.01 judges the second,
    and rejects both of its pairs.
    """
    distances = [1.005, 2.515, 2.505, 3.005]
    features = []
    for distance in distances:
        features += [[1.0, 0.0], on_circle(1 - distance / 2)]
    report = evaluate_features(*in_folds(features), rule="insightface")
    assert report.fold_accuracies == (1.0, 0.5)
    assert report.fold_thresholds == pytest.approx((1 - 2.51 / 2, 1 - 1.01 / 2))
    np.testing.assert_allclose(report.scores, 1 - np.array(distances) / 2, atol=1e-12)
    assert report.right_calls.tolist() == [True, True, False, True]
    assert report.rule == "insightface"


def test_sphereface_worked_by_hand():
    """The mean of the second fold is (1, 0), that of the first (1.25, 0.25).

    Without (1, 0) the second fold scores 1 and 0, so 0.0001 .. 1.0000 are best and
    their mean 0.50005 judges the first, which scores 0 and -1: one right. Without
    (1.25, 0.25) the first scores -0.6 and -0.86824, so -0.8682 .. -0.6000 are best. The
    second then scores 1 and 0.625 / sqrt(2.125 * 3.125) = 0.24254: one right.
    """
    first = [[2, 0], [1, 1], [2, 0], [0, 0]]
    second = [[2, 0], [2, 0], [0, 1], [0, -1]]
    report = evaluate_features(*in_folds([*first, *second]))
    assert report.fold_accuracies == (0.5, 0.5)
    assert report.fold_thresholds == pytest.approx((0.50005, -0.7341), abs=1e-4)
    expected = [0, -1, 1, 0.24254]
    np.testing.assert_allclose(report.scores, expected, atol=1e-5)


def slow_insightface(face, mirror, left, right, same, fold):
    """The published script in plain loops: it shares no code with the library."""
    embeddings = []
    for one, other in zip(face, mirror, strict=True):
        both = [x + y for x, y in zip(one, other, strict=True)]
        length = math.sqrt(sum(x * x for x in both))
        embeddings.append([x / length for x in both])
    distances = [
        sum((x - y) ** 2 for x, y in zip(embeddings[a], embeddings[b], strict=True))
        for a, b in zip(left, right, strict=True)
    ]

    def right_calls(threshold, members):
        return [(distances[p] < threshold) == same[p] for p in members]

    accuracies, thresholds = [], []
    for held_out in sorted(set(fold)):
        train = [p for p in range(len(same)) if fold[p] != held_out]
        best, chosen = -1, None
        for step in range(400):
            count = sum(right_calls(step * 0.01, train))
            if count > best:
                best, chosen = count, step * 0.01
        test = [p for p in range(len(same)) if fold[p] == held_out]
        accuracies.append(sum(right_calls(chosen, test)) / len(test))
        thresholds.append(chosen)
    return distances, accuracies, thresholds


@pytest.fixture
def people():
    rng = np.random.default_rng(3)
    centres = np.repeat(rng.normal(size=(30, 8)), 3, axis=0)
    features = np.hstack([centres + rng.normal(size=centres.shape) for _ in range(2)])
    left = rng.integers(0, 90, 120)
    same = np.arange(120) % 2 == 0
    beside = left // 3 * 3 + (left + 1) % 3
    right = np.where(same, beside, (left + rng.integers(3, 80, 120)) % 90)
    return features, left, right, same & (left // 3 == right // 3), np.arange(120) // 30


def test_insightface_equals_the_slow_transcription(people):
    features, *pairs = people
    report = evaluate_features(*people, rule="insightface", mirrored=True)
    distances, accuracies, thresholds = slow_insightface(
        *np.hsplit(features, 2), *[values.tolist() for values in pairs]
    )
    np.testing.assert_allclose(report.scores, 1 - np.array(distances) / 2, atol=1e-12)
    assert report.fold_accuracies == pytest.approx(accuracies)
    assert 1 - np.array(thresholds) / 2 == pytest.approx(report.fold_thresholds)
    assert 0.6 < report.accuracy < 0.99


def test_operating_thresholds_do_not_depend_on_the_rule(people):
    one, other = (
        evaluate_features(*people, rule=rule, mirrored=True)
        for rule in ("sphereface", "insightface")
    )
    assert one.operating == other.operating
    np.testing.assert_array_equal(one.plain_scores, other.plain_scores)
    assert one.accuracy != other.accuracy


@pytest.mark.parametrize("rule", ["sphereface", "insightface"])
def test_missing_photo_is_a_wrong_call_under_both_rules(people, rule):
    features, left, right, same, fold = people
    features = features.copy()
    features[left[0]] = np.nan
    report = evaluate_features(features, left, right, same, fold, rule=rule)
    hit = (left == left[0]) | (right == left[0])
    assert not report.right_calls[hit].any()
    np.testing.assert_array_equal(report.scores[hit], np.where(same[hit], -1.0, 1.0))


def test_products_of_many_pairs_are_those_of_each(people):
    features = people[0]
    left, right = np.divmod(np.arange(90 * 90), 90)  # more than a block
    norms = np.sqrt((features**2).sum(axis=1))
    expected = features @ features.T / np.outer(norms, norms)
    found = cosines(features, left, right).reshape(90, 90)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    distances = squared_distances(features, left, right).reshape(90, 90)
    np.testing.assert_allclose(distances, 2 - 2 * expected, atol=1e-12)


def test_face_at_the_mean_scores_zero():
    # The mean of the second fold is (1, 1), where a photo of the first lies.
    first = [[1, 1], [5, 7], [2, 0], [0, 3]]
    second = [[2, 2], [2, 2], [0, 0], [0, 0]]
    report = evaluate_features(*in_folds([*first, *second]))
    assert report.scores[0] == 0


def test_unknown_rule_is_named(people):
    with pytest.raises(InputError, match="rule='arcface'"):
        evaluate_features(*people, rule="arcface")


def test_distance_at_the_threshold_is_rejected():
    # On the second fold rejecting everyone is as good as accepting everyone, and the
    # threshold 0 is the least: it rejects the first fold's pair of distance 0.
    features = np.array([[1.0, 0], [1, 0], [0, 1]])
    report = evaluate_features(
        *(features, [0, 0, 0, 0], [1, 2, 2, 1]),
        *([True, False, True, False], [0, 0, 1, 1]),
        rule="insightface",
    )
    assert report.fold_thresholds == (1.0, 0.995)  # cosines: 1 - distance / 2
    assert report.fold_accuracies == (0.5, 0.0)
