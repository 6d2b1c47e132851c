"""Tests for tf_sphereface.evaluation.identification.megaface and noise_lists."""

import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification import (
    FaceSet,
    distractor_noise,
    evaluate_megaface,
    face_set,
    facescrub_noise,
)


def test_ranks_and_rates_equal_a_slow_search_of_all_pairs():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(8), 5)
    rng.shuffle(who)
    centres = rng.normal(size=(8, 16))
    probes = centres[who] + 0.5 * rng.normal(size=(40, 16))
    crowd = rng.normal(size=(4500, 16)).astype(np.float32)
    report = evaluate_megaface(
        FaceSet(probes, who.astype(str)), crowd, fars=(0.1, 1e-3, 1e-4, 1e-6)
    )
    unit = probes / np.sqrt((probes**2).sum(1))[:, None]
    strangers = crowd / np.sqrt((crowd.astype(float) ** 2).sum(1))[:, None]
    scores = (unit @ strangers.T).tolist()
    ranks, genuine = [], []
    for a in range(40):
        for b in range(40):
            if a != b and who[a] == who[b]:
                mate = sum(x * y for x, y in zip(unit[a], unit[b], strict=True))
                genuine.append(mate)
                ranks.append(1 + sum(score >= mate for score in scores[a]))
    assert report.counts["trials"] == len(ranks) == 8 * 5 * 4
    for k in (1, 5, 20, 100):
        expected = sum(rank <= k for rank in ranks) / len(ranks)
        assert report.cmc[k - 1] == pytest.approx(expected)
    assert 0.1 < report.rank_1 < 0.9
    falling = sorted((score for row in scores for score in row), reverse=True)
    for far in (0.1, 1e-3, 1e-4):
        barrier = falling[int(far * 180_000)]
        expected = sum(mate > barrier for mate in genuine) / len(genuine)
        assert report.tar_at_far[far].tar == pytest.approx(expected)
    assert math.isnan(report.tar_at_far[1e-6].tar)
    assert any("FAR 1e-06 needs at least 1,000,000" in note for note in report.notes)


def test_trials_by_hand():
    """Ann's two photos score 0.8 with each other, one of them 0.9 with a stranger.

    That photo finds the other at rank 2, the other one finds it at rank 1. Bob has one
    photo, which makes no trial but two impostor pairs.
    """
    probes = face_set(
        np.array([[1, 0], [0.8, 0.6], [0, -1]]), ["Ann/1", "Ann/2", "Bob/1"]
    )
    stranger = [0.9, -math.sqrt(1 - 0.81)]
    report = evaluate_megaface(probes, np.array([stranger, [-1, 0]]))
    assert sorted(report.ranks.tolist()) == [1, 2]
    assert report.cmc == (0.5, 1.0, 1.0)
    assert report.counts["impostor_pairs"] == 6


def test_tie_with_a_stranger_is_no_recognition():
    probes = face_set(np.array([[1.0, 0], [0, 1.0]]), ["a/1", "a/2"])
    report = evaluate_megaface(probes, np.array([[-1.0, 0]]))
    # The first photo scores 0 with its mate and -1 with the stranger, the second 0, 0.
    assert report.ranks.tolist() == [1, 2]


def test_missing_photo_is_wrong_in_both_roles_or_left_out():
    embeddings = np.array([[1, 0], [1, 0.1], [np.nan, 0]])
    probes = face_set(embeddings, ["a/1", "a/2", "a/3"])
    crowd = np.array([[0, 1.0]])
    wrong = evaluate_megaface(probes, crowd)
    assert (wrong.rank_1, wrong.counts["trials"]) == (2 / 6, 6)
    assert wrong.missing_photos == ("a/3",)
    skipped = evaluate_megaface(probes, crowd, missing="skip")
    assert (skipped.rank_1, skipped.counts["trials"]) == (1.0, 2)


@pytest.mark.parametrize(
    ("people", "crowd", "message"),
    [
        (["a", "b"], np.ones((1, 2)), "two photos"),
        (["a", "a"], np.ones((0, 2)), "0 distractors"),
        (["a", "a"], np.full((3, 2), np.nan), "all 3 distractors are missing"),
        (["a", "a"], np.ones((1, 3)), "one size"),
    ],
)
def test_unusable_sets_are_refused(people, crowd, message):
    with pytest.raises(InputError, match=message):
        evaluate_megaface(FaceSet(np.ones((2, 2)), np.array(people)), crowd)


def test_noise_lists_name_photos_as_they_are_published(tmp_path):
    scrub, crowd = tmp_path / "facescrub.txt", tmp_path / "megaface.txt"
    scrub.write_text("# found by hand\nAnn_Example_277.png\n\n")
    crowd.write_text("#\n17\t363/5@N00/37.jpg\n9/a.b@N01/1.jpg\n")
    photos = ["Ann Example/Ann Example_277.jpg", "Ann_Example/Ann_Example_2.png"]
    assert facescrub_noise(scrub, photos).tolist() == [True, False]
    strangers = ["x/363/5@N00/37.png", "9/a.b@N01/1.jpg", "364/5@N00/37.jpg"]
    assert distractor_noise(crowd, strangers).tolist() == [True, True, False]


@pytest.mark.parametrize("content", [None, b"# only this\n", b"\xff\xfe\x00"])
def test_unreadable_noise_list_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match="list of noisy photos"):
        facescrub_noise(tmp_path / "list.txt", ["a/b.jpg"])
