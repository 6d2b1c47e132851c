"""Tests for tf_sphereface.evaluation.cleaning: people, label noise."""

import numpy as np
import pytest

from tf_sphereface.evaluation.cleaning import find_label_noise
from tf_sphereface.evaluation.cleaning import people as people_module
from tf_sphereface.evaluation.cleaning.people import (
    group_by_person,
    joined,
    score_people,
    score_strangers,
    scores_within,
    trimmed_centre,
    unit_rows,
)

DIM = 64


def collection(rng, people=30, crops=8, noise=0.09):
    """Unit directions of people, and crops scattered about them."""
    centres = unit_rows(rng.normal(size=(people, DIM)))
    rows = np.repeat(centres, crops, axis=0)
    rows = unit_rows(rows + noise * rng.normal(size=rows.shape))
    names = [f"p{k:02d}/{i}.jpg" for k in range(people) for i in range(crops)]
    return rows, names


def by_kind(findings, kind):
    return [found for found in findings if found.kind == kind]


def test_clean_collection_has_no_strong_finding():
    findings, limits = find_label_noise(*collection(np.random.default_rng(0)))
    assert {found.kind for found in findings} <= {"outlier"}
    assert len(findings) <= 3
    assert limits.stranger < limits.typical


def test_swapped_crops_look_like_the_other_person():
    rows, names = collection(np.random.default_rng(1))
    rows[[0, 8]] = rows[[8, 0]]  # of p00 and p01
    found = by_kind(find_label_noise(rows, names)[0], "mislabelled")
    assert {(f.crop, f.identity, f.other) for f in found} == {
        ("p00/0.jpg", "p00", "p01"),
        ("p01/0.jpg", "p01", "p00"),
    }
    assert all(f.drop and f.own_score < 0.4 < f.other_score for f in found)


def test_wrong_crop_of_two_is_told_from_the_right_one():
    rows, names = collection(np.random.default_rng(2))
    keep = [i for i, name in enumerate(names) if not name.startswith("p00")] + [0, 1]
    rows, names = rows[keep], [names[i] for i in keep]
    rows[-1] = rows[32]  # p00/1 shows p05
    findings, _ = find_label_noise(rows, names)
    assert [f.crop for f in by_kind(findings, "mislabelled")] == ["p00/1.jpg"]
    assert "p00/0.jpg" not in {f.crop for f in findings}


def test_two_people_in_a_folder_are_mixed():
    rows, names = collection(np.random.default_rng(3))
    names = [
        name.replace("p01/", "p00/x") if name in ("p01/0.jpg", "p01/1.jpg", "p01/2.jpg")
        else name
        for name in names
        if not name.startswith("p01/") or name < "p01/3"
    ]  # fmt: skip
    rows = np.delete(rows, np.arange(11, 16), axis=0)
    found = by_kind(find_label_noise(rows, names)[0], "mixed identity")
    assert {f.crop for f in found} == {"p00/x0.jpg", "p00/x1.jpg", "p00/x2.jpg"}
    assert all("3 of 11 crops" in f.suggestion and not f.drop for f in found)


def test_one_person_under_two_names():
    rows, names = collection(np.random.default_rng(4))
    names = [n.replace("p00/", "q/") if n[4] in "0123" else n for n in names]
    findings, limits = find_label_noise(rows, names)
    (found,) = by_kind(findings, "same person")
    assert (found.identity, found.other, found.crop) == ("p00", "q", "")
    assert found.other_score >= limits.same_person
    # The twin is no stranger: its crops are not taken for mislabelled ones.
    assert not by_kind(findings, "mislabelled")


def test_stranger_of_nobody_is_an_outlier():
    rows, names = collection(np.random.default_rng(5))
    rows[3] = unit_rows(np.random.default_rng(99).normal(size=DIM))
    findings, limits = find_label_noise(rows, names)
    (found,) = [f for f in by_kind(findings, "outlier") if f.crop == "p00/3.jpg"]
    assert found.own_score < limits.outlier and found.own_score < found.other_score
    assert not found.drop


def test_look_alike_with_one_crop_is_no_proof():
    rows, names = collection(np.random.default_rng(6))
    rows, names = np.vstack([rows, rows[:1]]), [*names, "solo/0.jpg"]
    rows[0] = rows[8 * 3]
    rows[-1] = unit_rows(np.random.default_rng(7).normal(size=DIM))
    rows[1] = rows[-1]
    found = {
        f.crop: f for f in by_kind(find_label_noise(rows, names)[0], "mislabelled")
    }
    assert found["p00/0.jpg"].drop
    assert found["p00/1.jpg"].other == "solo" and not found["p00/1.jpg"].drop


def test_scores_that_tell_nobody_apart_propose_nothing():
    rng = np.random.default_rng(0)
    _, names = collection(rng)
    findings, limits = find_label_noise(rng.normal(size=(len(names), 4)), names)
    assert not limits.tells_people_apart()
    assert not any(found.drop for found in findings)
    rows, names = collection(rng)
    assert find_label_noise(rows, names)[1].tells_people_apart()


@pytest.mark.parametrize("names", [["A/1.jpg"], ["A/1.jpg", "A/2.jpg"], ["A/1", "B/1"]])
def test_too_little_to_judge_finds_nothing(names):
    findings, _ = find_label_noise(np.eye(4)[: len(names)], names)
    assert findings == []


def test_own_score_is_made_without_the_crop():
    # Three directions at right angles: without it, a crop scores 0 with the rest.
    _, scores = scores_within(np.eye(3, dtype=np.float32))
    np.testing.assert_allclose(scores, 0, atol=1e-7)
    # By hand: (1, 0), (0.6, 0.8) and (0, 1) in the plane.
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    centre, scores = scores_within(rows)
    # The medoid is the second crop; its half is with the third: cosine 0.8.
    mean = np.array([0.6, 1.8]) / np.hypot(0.6, 1.8)
    np.testing.assert_allclose(centre, mean, atol=1e-6)
    np.testing.assert_allclose(scores, [mean[0], 0.8, 0.8], atol=1e-6)


def test_lone_crop_has_no_own_score():
    centre, scores = scores_within(np.eye(3, dtype=np.float32)[:1])
    np.testing.assert_array_equal(centre, [1, 0, 0])
    assert np.isnan(scores).all()


def test_centre_withstands_a_minority():
    rng = np.random.default_rng(0)
    right = unit_rows([1, 0, 0] + 0.05 * rng.normal(size=(11, 3)))
    wrong = unit_rows([0, 1, 0] + 0.05 * rng.normal(size=(9, 3)))
    centre, core = trimmed_centre(np.vstack([wrong, right]))
    assert centre[0] > 0.99
    assert (core >= 9).all() and len(core) == 10


def test_strangers_are_those_of_plain_products(monkeypatch):
    monkeypatch.setattr(people_module, "_BLOCK", 100)  # several blocks
    rows, names = collection(np.random.default_rng(8), people=7, crops=5)
    people = group_by_person(names)
    centres, _ = score_people(rows, people)
    groups = np.array([0, 0, 2, 3, 4, 5, 6])
    found = score_strangers(rows, people.labels, centres, groups)
    scores = rows.astype(np.float64) @ centres.T.astype(np.float64)
    allowed = groups[people.labels][:, None] != groups[None]
    np.testing.assert_allclose(
        found.scores, np.where(allowed, scores, -2).max(axis=1), atol=1e-6
    )
    np.testing.assert_array_equal(
        found.nearest, np.where(allowed, scores, -2).argmax(axis=1)
    )
    assert found.counts.sum() == allowed.sum()
    for share in (0.25, 0.5, 0.99):
        expected = np.quantile(scores[allowed], share, method="inverted_cdf")
        assert found.quantile(share) == pytest.approx(expected, abs=1.1e-3)


def test_joined_follows_chains():
    assert joined(6, [(4, 2), (5, 4)]).tolist() == [0, 1, 2, 3, 2, 2]
