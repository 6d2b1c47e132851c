"""Tests for tf_sphereface.evaluation.verification.evaluate."""

import json
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import evaluate_features


def simulated(seed=0, people=40, photos=4, noise=1.0, folds=5, pairs=30):
    """Features with a common offset, and pairs in folds of different people."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, 16)), photos, axis=0)
    features = centres + noise * rng.normal(size=centres.shape) + 0.8
    left, right, same, fold = [], [], [], []
    for index in range(folds * pairs):
        group = [p for p in range(people) if p % folds == index % folds]
        genuine = rng.random() < 0.5
        a, b = rng.choice(group, 2, replace=False)
        i, j = rng.choice(photos, 2, replace=False)
        left.append(a * photos + i)
        right.append((a if genuine else b) * photos + j)
        same.append(genuine)
        fold.append(index % folds)
    return features, *map(np.array, (left, right, same, fold))


def slow_protocol(features, left, right, same, fold):
    """The protocol in plain loops, pair by pair: it shares no code with the library."""
    accuracies, thresholds, all_scores = [], [], [None] * len(left)

    def is_missing(pair):
        return any(
            math.isnan(v) for side in (left, right) for v in features[side[pair]]
        )

    for held_out in sorted(set(fold)):
        usable = [p for p in range(len(left)) if not is_missing(p)]
        train = [p for p in usable if fold[p] != held_out]
        rows = [features[side[p]] for p in train for side in (left, right)]
        mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]

        def score(pair, mean=mean):
            a = [x - m for x, m in zip(features[left[pair]], mean, strict=True)]
            b = [x - m for x, m in zip(features[right[pair]], mean, strict=True)]
            dot = sum(x * y for x, y in zip(a, b, strict=True))
            return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

        scores = {pair: score(pair) for pair in usable}
        best, maximisers = -1, []
        for step in range(-10_000, 10_001):
            threshold = step / 10_000
            right_calls = sum((scores[p] >= threshold) == same[p] for p in train)
            if right_calls > best:
                best, maximisers = right_calls, []
            if right_calls == best:
                maximisers.append(threshold)
        threshold = sum(maximisers) / len(maximisers)
        test = [p for p in range(len(left)) if fold[p] == held_out]
        good = [p in scores and (scores[p] >= threshold) == same[p] for p in test]
        accuracies.append(sum(good) / len(good))
        thresholds.append(threshold)
        for pair in test:
            all_scores[pair] = scores.get(pair, -1.0 if same[pair] else 1.0)
    return accuracies, thresholds, all_scores


@pytest.mark.parametrize("missing", [[], [3, 77, 120]])
def test_protocol_equals_the_slow_oracle(missing):
    features, *pairs = simulated(people=20, folds=3)
    features = features.copy()
    features[[row % len(features) for row in missing]] = np.nan
    report = evaluate_features(features, *pairs)
    accuracies, thresholds, scores = slow_protocol(
        features.tolist(), *[values.tolist() for values in pairs]
    )
    np.testing.assert_allclose(report.fold_accuracies, accuracies, atol=1e-12)
    np.testing.assert_allclose(report.fold_thresholds, thresholds, atol=1e-9)
    np.testing.assert_allclose(report.scores, scores, atol=1e-12)
    assert 0.6 < report.accuracy < 0.99  # an oracle of all-right would say little


def test_figures_over_the_folds():
    features, *pairs = simulated()
    report = evaluate_features(features, *pairs)
    values = np.array(report.fold_accuracies)
    assert len(values) == 5
    assert report.accuracy == pytest.approx(values.sum() / 5)
    variance = ((values - values.sum() / 5) ** 2).sum()
    assert report.accuracy_std == pytest.approx(math.sqrt(variance / 5))
    assert report.accuracy_standard_error == pytest.approx(math.sqrt(variance / 4 / 5))


def test_each_fold_is_judged_at_its_own_threshold():
    features, left, right, same, fold = simulated(people=100, pairs=2000)
    report = evaluate_features(features, left, right, same, fold)
    judged = [
        ((report.scores[fold == index] >= threshold) == same[fold == index]).mean()
        for index, threshold in enumerate(report.fold_thresholds)
    ]
    np.testing.assert_array_equal(report.fold_accuracies, judged)


def test_people_that_are_points_are_told_apart_perfectly():
    report = evaluate_features(*simulated(noise=1e-6))
    assert (report.accuracy, report.auc, report.eer) == (1.0, 1.0, 0.0)
    assert report.tar_at_far[0.1] == 1.0


def test_features_of_noise_are_a_coin():
    features, *pairs = simulated(people=200, photos=4, folds=10)
    noise = np.random.default_rng(1).normal(size=features.shape)
    report = evaluate_features(noise, *pairs)
    assert report.accuracy == pytest.approx(0.5, abs=0.1)
    assert report.auc == pytest.approx(0.5, abs=0.1)


def test_common_offset_vanishes_under_the_protocol_but_not_for_a_phone():
    features, *pairs = simulated()
    near, far = (
        evaluate_features(features, *pairs),
        evaluate_features(features + 50.0, *pairs),
    )
    np.testing.assert_allclose(near.scores, far.scores, atol=1e-9)
    assert far.operating.accuracy.threshold > 0.99
    assert near.operating.accuracy.threshold < 0.9


def test_plain_scores_are_cosines_without_a_mean():
    features = np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 5.0], [1.0, 1.0]])
    left, right = np.array([0, 0, 0, 2]), np.array([1, 2, 1, 3])
    same, fold = np.array([True, False] * 2), np.array([0, 0, 1, 1])
    report = evaluate_features(features, left, right, same, fold)
    expected = [1.0, 0.0, 1.0, math.sqrt(0.5)]
    np.testing.assert_allclose(report.plain_scores, expected, atol=1e-12)


def test_missing_photo_makes_its_pairs_wrong_and_leaves_operating_thresholds():
    features, left, right, same, fold = simulated(noise=1e-6)
    lost = left[same.nonzero()[0][0]]
    features = features.copy()
    features[lost] = np.nan
    report = evaluate_features(features, left, right, same, fold)
    hit = (left == lost) | (right == lost)
    assert report.counts()["pairs_with_a_missing_photo"] == hit.sum() > 0
    assert report.accuracy == pytest.approx(1 - hit.mean())  # folds are of one size
    np.testing.assert_array_equal(report.scores[hit], np.where(same[hit], -1.0, 1.0))
    assert report.auc < 1.0
    assert report.operating.accuracy.accuracy == 1.0
    assert any("lack a photo" in note for note in report.notes)


def test_far_beyond_the_sample_is_nan_null_and_noted():
    report = evaluate_features(*simulated())
    assert math.isnan(report.tar_at_far[0.001])
    [entry] = [e for e in report.to_json()["tar_at_far"] if e["far"] == 0.001]
    assert entry["tar"] is None
    assert any("FAR 0.01 needs at least 100 " in note for note in report.notes)


def test_json_has_no_nan_and_no_scores_of_pairs():
    text = json.dumps(evaluate_features(*simulated()).to_json(), allow_nan=False)
    assert "scores" not in json.loads(text)


def test_zero_embeddings_score_zero():
    features, *pairs = simulated()
    report = evaluate_features(np.zeros_like(features), *pairs)
    assert (report.plain_scores == 0).all()


def test_single_fold_is_refused():
    features, left, right, same, fold = simulated()
    with pytest.raises(InputError, match="at least 2 folds.*folds=1"):
        evaluate_features(features, left, right, same, np.zeros_like(fold))


def test_fold_of_one_kind_is_refused():
    features, left, right, same, _ = simulated()
    with pytest.raises(InputError, match="only impostor pairs in the fold numbered 0"):
        evaluate_features(features, left, right, same, same.astype(int))


def test_folds_whose_photos_of_one_kind_are_missing_are_refused():
    features = np.random.default_rng(0).normal(size=(8, 3))
    features[[4, 5]] = np.nan  # the only genuine pair of the second fold
    left, right = np.array([0, 2, 4, 6]), np.array([1, 3, 5, 7])
    same, fold = np.array([True, False] * 2), np.array([0, 0, 1, 1])
    with pytest.raises(InputError, match="none for the fold numbered 0"):
        evaluate_features(features, left, right, same, fold)
