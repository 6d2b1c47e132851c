"""Tests for tf_sphereface.quickstart.matches and contact_sheet."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.manifest import ManifestRow, write_manifest_rows
from tf_sphereface.evaluation import Pair, PairList
from tf_sphereface.quickstart import matches as module
from tf_sphereface.quickstart.contact_sheet import describe, draw_matches
from tf_sphereface.quickstart.matches import (
    Matches,
    PairMatch,
    choose_pairs,
    match_pairs,
)


def pair_list(people):
    genuine = [Pair(f"{p}/1.jpg", f"{p}/2.jpg", True, p % 2) for p in range(people)]
    impostor = [
        Pair(f"{p}/1.jpg", f"{q}/2.jpg", False, p % 2)
        for p in range(people)
        for q in range(p)
    ]
    return PairList(tuple(genuine + impostor), 2)


def test_the_draw_is_one_and_takes_every_person_once():
    chosen = choose_pairs(pair_list(12))
    assert chosen == choose_pairs(pair_list(12))
    assert [pair.same for pair in chosen] == 5 * [True] + 5 * [False]
    for kind in (chosen[:5], chosen[5:]):
        people = Counter(
            person for pair in kind for person in {pair.left[:2], pair.right[:2]}
        )
        assert set(people.values()) == {1}


def test_few_people_are_taken_more_than_once():
    chosen = choose_pairs(pair_list(4))
    assert len(set(chosen)) == 9  # 4 genuine pairs are all there are
    assert sum(pair.same for pair in chosen) == 4


class StandIn:
    """An embedder of photos of one grey, whose similarity is their closeness."""

    variant = "none"

    def __init__(self, bundle):
        record = type("Variant", (), {"thresholds": {"far_0.01": 0.9}})
        self.contract = type("Contract", (), {"variants": {"none": record}})

    def threshold(self, far):
        return {0.01: 0.9}[far]

    def embed_photos(self, photos):
        greys = [float(photo.mean()) for photo in photos]
        return greys, [None if grey > 250 else grey for grey in greys]

    def score(self, first, second):
        return 1 - abs(first - second) / 100


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photos of other names and types than their crops; only the manifest tells."""
    monkeypatch.setattr(module, "load_bundle", lambda path: None)
    monkeypatch.setattr(module, "Embedder", StandIn)
    names = {"A/1.jpg": "A/B.PNG", "A/2.jpg": "A/c.jpeg", "B/1.jpg": "B/1.JPG"}
    names["B/2.jpg"] = "B/1.png"
    greys = dict(zip(names, (10, 15, 60, 255), strict=True))
    rows = {}
    for crop, photo in names.items():
        for path in (
            tmp_path / "photos/unseen" / photo,
            tmp_path / "aligned/unseen" / crop,
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((112, 96, 3), greys[crop], np.uint8)
            Image.fromarray(pixels).save(path)
        rows[photo] = ManifestRow(photo, photo[0], "kept", crop=crop)
    write_manifest_rows(tmp_path / "aligned/unseen", rows)
    return tmp_path


def test_pairs_are_matched_from_their_photos_and_judged(folder):
    chosen = [
        Pair("A/1", "A/2", True, 0),
        Pair("A/1", "B/1", True, 0),
        Pair("A/2", "B/1", False, 0),
        Pair("B/1", "B/2", True, 0),
    ]
    result = match_pairs(folder, chosen)
    assert (result.threshold, result.far) == (0.9, 0.01)
    assert [pair.score for pair in result.pairs] == [
        pytest.approx(0.95, abs=0.02),
        pytest.approx(0.5, abs=0.02),
        pytest.approx(0.55, abs=0.02),
        None,
    ]
    assert (result.pairs[0].left, result.pairs[0].right) == ("A/1.jpg", "A/2.jpg")
    assert [pair.same for pair in result.pairs] == [True, False, False, None]
    assert [pair.correct for pair in result.pairs] == [True, False, True, False]
    assert result.correct == 2
    texts = [describe(pair).partition(": ")[2] for pair in result.pairs[:3]]
    assert texts == ["same, right", "different, wrong", "different, right"]
    assert describe(result.pairs[3]) == "no face found"


def test_the_sheet_shows_every_face_and_frames_errors_in_red(folder):
    pairs = (
        PairMatch("A/1.jpg", "B/1.jpg", True, 0.95, True),
        PairMatch("A/1.jpg", "B/1.jpg", False, 0.1, False),
    )
    right = draw_matches(Matches(0.01, 0.9, pairs), folder / "aligned/unseen")
    wrong = dataclasses.replace(pairs[0], same=False)
    one_wrong = draw_matches(
        Matches(0.01, 0.9, (wrong, pairs[1])), folder / "aligned/unseen"
    )

    def reds(sheet):
        return (sheet == (185, 28, 28)).all(axis=2).sum()

    assert reds(right) == 0 < reds(one_wrong)
    for grey in (10, 60):
        shown = (np.abs(right.astype(int) - grey) <= 2).all(axis=2).sum()
        assert shown >= 2 * 110 * 128
