"""Rates of each group of people at one threshold for all."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.rates.bootstrap import (
    RESAMPLES,
    bootstrap_people,
)
from tf_sphereface.evaluation.rates.thresholds import supports_far
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.evaluation.verification.results import (
    GroupPoint,
    GroupRates,
    Interval,
)
from tf_sphereface.text_lists import csv_lines

_FEWEST_GENUINE = 30  # fewer, and one pair is more than 3 points of the TAR
_HEADER = ["person", "group"]
_UNKNOWN = Interval(math.nan, math.nan)


def read_groups(path: Path) -> dict[str, str]:
    """The group of each person: a CSV with the columns person and group.

    Raises: InputError with the line number for any other content, or a person with two
        groups.
    """
    groups = {}
    for place, fields in csv_lines(path, "groups"):
        if len(fields) != 2 or not all(fields):
            raise InputError(
                f"{place}: must be `person,group`. Received: {','.join(fields)!r}"
            )
        person, group = fields
        if not groups and [person.lower(), group.lower()] == _HEADER:
            continue
        if groups.setdefault(person, group) != group:
            raise InputError(f"{place}: {person!r} is in {groups[person]!r} too")
    if not groups:
        raise InputError(f"{path}: there must be a person and a group in each line")
    return groups


def with_groups(
    report: VerificationReport,
    groups: Mapping[str, str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> VerificationReport:
    """The same report with TAR and FAR of each group at the thresholds of all pairs.

    Thresholds are those for plain cosines, as a phone uses them. Genuine pairs are of a
    person of the group, impostor pairs of two of its people. The TAR takes 30 genuine
    pairs, the FAR as many impostor pairs as its target; with fewer they are NaN, and a
    note says so. Intervals are by `bootstrap_people`; the thresholds stay what they
    are.

    Args:
        report: With people.
        groups: Group by person, from `read_groups`.
        resamples: For the intervals; 0 gives none.
        seed: For the intervals.

    Raises: InputError if no person of the pairs has a group; ValueError if the report
        does not know the people.
    """
    if report.people is None:
        raise ValueError("`report` must have people. Received: report.people=None")
    people = report.people
    left = np.array([groups.get(name, "") for name in people.left_names])
    right = np.array([groups.get(name, "") for name in people.right_names])
    names = np.concatenate([people.left_names, people.right_names])
    nameless = len(set(names[np.concatenate([left, right]) == ""]))
    if nameless == len(set(names)):
        raise InputError(
            "the groups must have people of the pairs. Received: none of "
            f"{nameless:,}; the first of the pairs is {str(names[0])!r}"
        )
    known = ~np.isnan(report.plain_scores) & (left == right) & (left != "")
    found, notes = [], []
    for group in np.unique(left[known]).tolist():
        rates = _rates(report, group, known & (left == group), resamples, seed)
        found.append(rates)
        notes.extend(_notes(rates))
    if nameless:
        one = "person of the pairs is", "people of the pairs are"
        notes.append(f"{nameless:,} {one[nameless > 1]} in no group.")
    return dataclasses.replace(
        report, groups=tuple(found), notes=(*report.notes, *notes)
    )


def _rates(report, group, rows, resamples, seed):
    same, scores = report.same[rows], report.plain_scores[rows]
    people = report.people.of_pairs(rows)
    genuine, impostor = int(same.sum()), int((~same).sum())
    points = [p for p in report.operating.at_far if not math.isnan(p.threshold)]
    accepted = scores[:, None] >= np.array([point.threshold for point in points])

    def figures(weights):
        return np.hstack([_shares(weights, kind, accepted) for kind in (same, ~same)])

    tars, fars = np.split(figures(np.ones((1, len(same))))[0], 2)
    bounds = np.full((2 * len(points), 2), math.nan)
    if resamples:
        bounds = bootstrap_people(people.left, people.right, figures, resamples, seed)
    at_far = []
    for number, point in enumerate(points):
        tar = float(tars[number]), Interval(*bounds[number].tolist())
        far = float(fars[number]), Interval(*bounds[len(points) + number].tolist())
        if genuine < _FEWEST_GENUINE:
            tar = math.nan, _UNKNOWN
        if not supports_far(impostor, point.far_target):
            far = math.nan, _UNKNOWN
        at_far.append(GroupPoint(point.far_target, point.threshold, *tar, *far))
    return GroupRates(group, people.count, genuine, impostor, tuple(at_far))


def _shares(weights, kind, accepted):
    """Weighted share (rows, points) of the pairs of a kind that are accepted."""
    weights = weights * kind
    totals = weights.sum(axis=1, keepdims=True)
    return weights @ accepted / np.where(totals > 0, totals, np.nan)


def _notes(rates):
    if rates.genuine < _FEWEST_GENUINE:
        yield (
            f"Group {rates.group}: {rates.genuine:,} genuine pairs are too few for a "
            f"TAR, which takes {_FEWEST_GENUINE}."
        )
    lacking = [point.far_target for point in rates.at_far if math.isnan(point.far)]
    if lacking:
        far = max(lacking)
        yield (
            f"Group {rates.group}: {rates.impostor:,} impostor pairs are too few for "
            f"its FAR at the threshold of FAR {far:g}, which takes {round(1 / far):,}."
        )
