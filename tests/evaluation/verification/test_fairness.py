"""Tests for tf_sphereface.evaluation.verification.fairness."""

import dataclasses
import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import evaluate_features, read_groups, with_groups
from tf_sphereface.evaluation.pairs.people import PairPeople
from tf_sphereface.evaluation.rates.thresholds import OperatingPoint

NAN = math.nan


def report_of(pairs, threshold=0.5):
    """Report with plain cosines and people as given, and one threshold for FAR 0.1.

    Args:
        pairs: (left person, right person, cosine) of each; people of one name are
            genuine pairs.
    """
    left, right, scores = (np.array(column) for column in zip(*pairs, strict=True))
    same = left == right
    rng = np.random.default_rng(0)
    rows = np.arange(len(pairs))
    report = evaluate_features(
        rng.normal(size=(2 * len(pairs), 3)),
        rows,
        rows + len(pairs),
        same,
        rows // 2 % 2,
    )
    point = OperatingPoint(threshold, 0.1, 0.9, 0.9, far_target=0.1)
    unmeasured = OperatingPoint(NAN, NAN, NAN, NAN, far_target=0.01)
    names = np.unique(np.concatenate([left, right]))
    people = PairPeople(
        *(np.searchsorted(names, side) for side in (left, right)), left, right
    )
    return dataclasses.replace(
        report,
        operating=dataclasses.replace(report.operating, at_far=(point, unmeasured)),
        plain_scores=scores.astype(float),
        people=people,
    )


def crowd(prefix, genuine, impostor, accepted, let_in, people=15):
    """Pairs among the people of a group, the first of each kind with cosine 0.5."""
    name = [f"{prefix}{number}" for number in range(people)]
    pairs = [
        (name[n % people], name[n % people], 0.5 if n < accepted else 0.4)
        for n in range(genuine)
    ]
    return pairs + [
        (
            name[n % people],
            name[(n + 1 + n // people) % people],
            0.5 if n < let_in else 0.4,
        )
        for n in range(impostor)
    ]


def groups_of(report):
    names = np.concatenate([report.people.left_names, report.people.right_names])
    return {name: name[0].upper() for name in names.tolist()}


def test_rates_worked_by_hand():
    """A: 27 of 36 genuine and 2 of 20 impostor pairs at 0.5 or more; B: 30, 5 of 10.

    Pairs of an A and a B belong to neither group, and a missing photo to no pair.
    """
    pairs = crowd("a", 36, 20, accepted=27, let_in=2)
    pairs += crowd("b", 30, 10, accepted=30, let_in=5)
    pairs += [("a1", "b1", 0.9)] * 7 + [("a1", "a1", NAN), ("b1", "b2", NAN)]
    report = report_of(pairs)
    one, other = with_groups(report, groups_of(report), resamples=100).groups
    assert (one.group, one.people, one.genuine, one.impostor) == ("A", 15, 36, 20)
    assert (other.group, other.genuine, other.impostor) == ("B", 30, 10)
    [point], [other_point] = one.at_far, other.at_far
    assert (point.far_target, point.threshold) == (0.1, 0.5)
    assert (point.tar, point.far) == (0.75, 0.1)
    assert (other_point.tar, other_point.far) == (1.0, 0.5)
    assert point.tar_interval.low < 0.75 < point.tar_interval.high
    assert other_point.far_interval.low < 0.5 < other_point.far_interval.high
    assert math.isnan(other_point.tar_interval.low)  # nobody was turned away


def test_too_few_pairs_are_null_with_a_note():
    pairs = crowd("a", 40, 20, 30, 2) + crowd("b", 29, 9, 20, 1)
    report = report_of(pairs)
    found = with_groups(report, groups_of(report), resamples=50)
    [point] = found.to_json()["groups"][1]["at_far"]
    assert (point["tar"], point["far"]) == (None, None)
    assert (point["tar_interval"], point["far_interval"]) == ([None] * 2, [None] * 2)
    assert found.groups[0].at_far[0].tar == 0.75
    notes = " ".join(found.notes)
    assert "Group B: 29 genuine pairs are too few" in notes
    assert "Group B: 9 impostor pairs are too few for its FAR" in notes
    assert "Group A" not in notes


def test_people_without_a_group_are_counted():
    report = report_of(crowd("a", 40, 20, 30, 2) + crowd("b", 30, 10, 20, 1))
    groups = {f"a{number}": "A" for number in range(15)}
    found = with_groups(report, groups, resamples=0)
    assert [rates.group for rates in found.groups] == ["A"]
    assert found.notes[-1] == "15 people of the pairs are in no group."
    assert math.isnan(found.groups[0].at_far[0].tar_interval.low)


def test_groups_of_other_people_are_refused():
    report = report_of(crowd("a", 40, 20, 30, 2))
    with pytest.raises(InputError, match="none of 15; the first of the pairs is 'a0'"):
        with_groups(report, {"Nobody": "A"})


@pytest.mark.parametrize("header", ["", "person,group\n", "\ufeffPerson, Group\r\n"])
def test_groups_are_read(tmp_path, header):
    path = tmp_path / "groups.csv"
    path.write_bytes((header + 'Ann,x\n\n"Lee, Bo",y\nAnn,x\n').encode())
    assert read_groups(path) == {"Ann": "x", "Lee, Bo": "y"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be a person and a group"),
        ("Ann,x,y\n", "line 1: must be `person,group`"),
        ("Ann,\n", "line 1: must be `person,group`"),
        ("Ann,x\nAnn,y\n", "line 2: 'Ann' is in 'x' too"),
    ],
)
def test_malformed_groups_are_named_with_the_line(tmp_path, text, reason):
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_groups(tmp_path / "groups.csv")
    with pytest.raises(InputError, match="no such list of groups"):
        read_groups(tmp_path / "none.csv")
