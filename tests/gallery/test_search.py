"""Tests for tf_sphereface.gallery.search and thresholds."""

import itertools

import numpy as np
import pytest

from tests.bundle.contract_example import variant
from tf_sphereface.bundle.records import Variant
from tf_sphereface.errors import InputError
from tf_sphereface.gallery import search
from tf_sphereface.gallery.search import Candidate, TemplateMatrix
from tf_sphereface.gallery.thresholds import parse_share, search_threshold

FEATURES = np.random.default_rng(3).normal(size=(40, 6))
OWNERS = np.random.default_rng(4).permutation(np.arange(40) % 7)
NAMES = [f"person {n}" for n in range(7)]


def expected(probes, rule, k):
    """Person by person, in float64: an oracle that shares no code with the search."""
    found = np.empty((len(probes), len(NAMES)))
    for row, probe in enumerate(probes):
        for person in range(len(NAMES)):
            cosines = sorted(
                (probe @ f / np.linalg.norm(probe) / np.linalg.norm(f))
                for f in FEATURES[person == OWNERS]
            )[::-1]
            kept = {"best": cosines[:1], "mean": cosines, "top-k": cosines[:k]}[rule]
            found[row, person] = sum(kept) / len(kept)
    return found


@pytest.mark.parametrize(
    ("rule", "k"), [("best", 3), ("mean", 3), ("top-k", 2), ("top-k", 99), ("top-k", 1)]
)
def test_scores_are_those_of_the_rule(rule, k, monkeypatch):
    monkeypatch.setattr(search, "_SCORES_AT_ONCE", 90)  # two probes at once
    probes = np.random.default_rng(5).normal(size=(5, 6))
    found = TemplateMatrix(FEATURES, OWNERS, NAMES).scores(probes, rule, k)
    np.testing.assert_allclose(found, expected(probes, rule, k), atol=1e-6)


def test_nearest_are_in_the_order_of_their_scores():
    matrix = TemplateMatrix(FEATURES, OWNERS, NAMES)
    found = matrix.nearest(3 * FEATURES[11], most=3)
    assert found[0] == Candidate(NAMES[OWNERS[11]], pytest.approx(1))
    scores = matrix.scores(FEATURES[11:12])[0]
    falling = sorted(scores, reverse=True)[:3]
    assert [c.score for c in found] == pytest.approx(falling, abs=1e-6)
    assert len(matrix) == 40


@pytest.mark.parametrize("rule", search.RULES)
@pytest.mark.parametrize("most", [1, 3, 50])
def test_nearest_are_the_first_of_all_scores_for_every_rule(rule, most):
    matrix = TemplateMatrix(FEATURES, OWNERS, NAMES)
    for probe in FEATURES[:12]:
        scores = expected(probe[None], rule, 2)[0]
        order = np.argsort(-scores)[:most]
        found = matrix.nearest(probe, rule, 2, most)
        assert [c.name for c in found] == [NAMES[person] for person in order]
        assert [c.score for c in found] == pytest.approx(scores[order], abs=1e-6)


@pytest.mark.parametrize("rule", search.RULES)
def test_of_equal_scores_the_first_person_comes_first(rule):
    directions = np.eye(6)[[2, 1, 2, 1, 0]]  # products without rounding
    matrix = TemplateMatrix(directions, np.array([3, 0, 1, 2, 4]), NAMES[:5])
    found = matrix.nearest(np.eye(6)[1] + np.eye(6)[2], rule, most=5)
    assert [c.name for c in found] == NAMES[:5]
    assert found[3].score == pytest.approx(0.5**0.5) and found[4].score == 0


def test_features_are_left_as_they_are_unless_in_place_is_said():
    features, owners = FEATURES.astype(np.float32), np.sort(OWNERS)
    before = features.copy()
    copied = TemplateMatrix(features, owners, NAMES).scores(FEATURES)
    np.testing.assert_array_equal(features, before)
    written = TemplateMatrix(features, owners, NAMES, in_place=True).scores(FEATURES)
    np.testing.assert_array_equal(written, copied)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)


def test_an_empty_gallery_knows_nobody():
    empty = TemplateMatrix(np.empty((0, 6), np.float32), np.empty(0, np.int64), [])
    assert [empty.nearest(FEATURES[0], rule) for rule in search.RULES] == [[], [], []]
    assert empty.scores(FEATURES[:2]).shape == (2, 0)


def test_unusable_questions_are_refused():
    matrix = TemplateMatrix(FEATURES, OWNERS, NAMES)
    with pytest.raises(ValueError, match="`rule` must be one of"):
        matrix.scores(FEATURES[:1], "most")
    with pytest.raises(ValueError, match="`k` at least 1"):
        matrix.scores(FEATURES[:1], "top-k", 0)
    with pytest.raises(InputError, match="embeddings of one size"):
        matrix.scores(FEATURES[:1, :5])


def measured(impostors=10**6, **thresholds):
    content = variant(thresholds=thresholds)
    content["calibration"] |= {"impostor": impostors, "different_below": 0.1}
    return Variant.model_validate(content)


FARS = {"far_0.01": 0.3, "far_0.001": 0.4, "far_1e-05": 0.6, "accuracy": 0.2}


@pytest.mark.parametrize(
    ("templates", "false_alarms", "threshold"),
    [
        (1, 0.01, 0.3),
        (10, 0.01, 0.4),
        (11, 0.01, 0.6),
        (0, 0.5, 0.3),
        (1000, 0.01, 0.6),
    ],
)
def test_a_search_takes_the_threshold_that_keeps_to_its_false_alarms(
    templates, false_alarms, threshold
):
    found = search_threshold(measured(**FARS), templates, false_alarms=false_alarms)
    assert found.threshold == threshold
    assert found.false_alarms <= false_alarms * (1 + 1e-9)
    assert found.calibration.different_below == 0.1


def test_nothing_is_promised_that_was_not_measured():
    with pytest.raises(InputError, match="needs a FAR of 1e-06 .* is 1e-05.*1,000,000"):
        search_threshold(measured(**FARS), 1000, false_alarms=0.001)
    # 1e-05 of 50,000 pairs is half a pair, whatever the contract says.
    with pytest.raises(InputError, match="the least that was measured is 0.001"):
        search_threshold(measured(50_000, **FARS), 11, false_alarms=0.01)
    bare = measured(**FARS).model_copy(update={"thresholds": None})
    with pytest.raises(InputError, match="no threshold was measured"):
        search_threshold(bare, 5, false_alarms=0.01)
    assert search_threshold(bare, 5).threshold is None
    assert search_threshold(bare, 5).false_alarms is None


def test_thresholds_against_a_float_gallery_are_its_own():
    found = search_threshold(measured(**FARS), 5, 0.01, cross_variant=True)
    assert (found.threshold, found.calibration) == (0.41, None)
    bare = measured(**FARS).model_copy(update={"cross_variant": None})
    assert search_threshold(bare, 5, 0.01, cross_variant=True).threshold is None


def test_the_bound_holds_for_dependent_comparisons_by_every_rule():
    """Strangers' scores that share a part, against the FAR of one comparison."""
    rng, templates = np.random.default_rng(0), 12
    scores = rng.normal(size=(40_000, 1)) + rng.normal(size=(40_000, templates))
    threshold = np.quantile(scores, 0.99)
    bound = search_threshold(
        measured(**{"far_0.01": 0.3}), templates, false_alarms=0.12
    ).false_alarms
    assert bound == pytest.approx(0.12)
    for rule, k in itertools.product(("best", "mean"), (1,)):
        found = scores.max(1) if rule == "best" else scores.mean(1)
        assert (found >= threshold).mean() <= bound * k


@pytest.mark.parametrize(("text", "share"), [("1/1000", 0.001), ("0.25", 0.25)])
def test_shares_are_written_as_fractions_too(text, share):
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["0", "1", "2/1", "1/0", "-1/4", "x", "nan", ""])
def test_other_shares_are_refused(text):
    with pytest.raises(ValueError):
        parse_share(text)
