"""Tests for tf_sphereface.evaluation.identification.lfw_identification."""

import json
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification import (
    evaluate_lfw_identification,
    face_set,
    lfw_identification_sets,
)


def test_sets_by_hand():
    """Ann has 3 photos, Bob 2, Cy and Di 1 each; rows in that order.

    Gallery: the first photos (0, 3) of Ann and Bob, and those of Cy and Di (5, 6).
    Probes: the rest of Ann's and Bob's. Open set: Ann and Bob are enrolled, a photo of
    each is looked for, and Cy and Di are the impostors.
    """
    sets = lfw_identification_sets(["Ann"] * 3 + ["Bob"] * 2 + ["Cy", "Di"])
    assert sets.closed_gallery.tolist() == [0, 3, 5, 6]
    assert sets.closed_probes.tolist() == [1, 2, 4]
    assert sets.open_gallery.tolist() == [0, 3]
    assert sets.genuine_probes.tolist() == [1, 4]
    assert sets.impostor_probes.tolist() == [5, 6]
    assert "596 of the published protocol" in sets.notes[0]


def test_published_sizes_follow_from_the_known_people_and_the_extra_ones():
    """A made-up LFW: 13,233 photos of 5,749 people, of whom 596 have 3,739 photos."""
    photos = {f"known{i}": 6 + (i < 163) for i in range(596)}
    photos |= {f"extra{i}": 1 for i in range(3653)}
    # 1,500 people with 5,841 photos are in no closed gallery.
    photos |= {f"other{i}": 3 + (i < 1341) for i in range(1500)}
    assert (len(photos), sum(photos.values())) == (5749, 13_233)
    people = [person for person, count in photos.items() for _ in range(count)]
    sets = lfw_identification_sets(
        people,
        known=[name for name in photos if name.startswith("known")],
        extra=[name for name in photos if name.startswith("extra")],
    )
    assert len(sets.closed_gallery) == 4249
    assert len(sets.closed_probes) == 3143
    assert len(sets.open_gallery) == len(sets.genuine_probes) == 596
    assert len(sets.impostor_probes) == 9494
    assert sets.notes == ()


def test_rates_by_hand():
    """Ann and Bob along x and y. Cy, an impostor, scores 0.6 with Ann, Di 0.8 with Bob.

    Ann's probe scores 1 with her own photo, Bob's scores 0.7 with his. One alarm of two
    (FAR 1/2) allows a threshold just above 0.6: both are found. No alarm needs more
    than 0.8: only Ann. In the closed set Bob's probe is nearer to Di.
    """
    bob = [0, 0.7, math.sqrt(1 - 0.49)]
    rows = [[1, 0, 0], [1, 0, 0], [0, 1, 0], bob, [0.6, 0, -0.8], [0, 0.8, 0.6]]
    names = ["Ann/1", "Ann/2", "Bob/1", "Bob/2", "Cy/1", "Di/1"]
    faces = face_set(np.array(rows), names)
    report = evaluate_lfw_identification(faces, fpirs=(0.5, 0.1))
    assert report.closed.cmc[:2] == (0.5, 1.0)
    assert report.open.dir_at_fpir[0.5].tar == 1.0
    assert math.isnan(report.open.dir_at_fpir[0.1].tar)
    assert report.open.stranger_scores == pytest.approx([0.6, 0.8])
    assert dict(report.headline())["rank 1, closed set"] == "50.00 %"
    assert report.verdict().startswith("Of 1,000 probes, 500 are nearest")
    assert {curve.kind for curve in report.curves()} == {"cmc", "dir"}
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("known", "extra", "message"),
    [
        (["c"], None, "two photos.*'c', 1"),
        (["nobody"], None, "'nobody', 0"),
        (["a"], ["a"], "not be one of the known.*'a'"),
        (["a"], ["x"], "have a photo.*'x'"),
        (["a", "b", "d"], (), "3 known, 0 others"),
    ],
)
def test_impossible_choices_are_refused(known, extra, message):
    people = ["a", "a", "b", "b"] + (["d", "d"] if "d" in known else ["c"])
    with pytest.raises(InputError, match=message):
        lfw_identification_sets(people, known, extra)
