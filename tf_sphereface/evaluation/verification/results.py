"""Intervals of the figures of a verification, and rates of groups."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from tf_sphereface.evaluation.report_types import Table, percent, without_nan


class Interval(NamedTuple):
    """Bounds of a confidence interval; both NaN where it is unknown."""

    low: float
    high: float


class OperatingInterval(NamedTuple):
    """Intervals of a threshold for plain cosines, and of the TAR there.

    Args:
        far_target: The FAR that the threshold keeps to.
        threshold: Of the lowest threshold that keeps to it.
        tar: At that threshold.
    """

    far_target: float
    threshold: Interval
    tar: Interval


@dataclasses.dataclass(frozen=True)
class VerificationIntervals:
    """Confidence intervals by `bootstrap_people`.

    Args:
        confidence: In (0, 1).
        resamples: How many.
        people: Number of people that were drawn again.
        accuracy: Of the mean over the folds.
        auc: Of `VerificationReport.auc`.
        eer: Of `VerificationReport.eer`.
        tar_at_far: Of `VerificationReport.tar_at_far`.
        at_far: Of thresholds for plain cosines, for each FAR that was measured.
    """

    confidence: float
    resamples: int
    people: int
    accuracy: Interval
    auc: Interval
    eer: Interval
    tar_at_far: dict[float, Interval]
    at_far: tuple[OperatingInterval, ...]

    def to_json(self) -> dict:
        return without_nan(
            {
                "method": "percentiles of resamples of the people",
                "confidence": self.confidence,
                "resamples": self.resamples,
                "people": self.people,
                "accuracy": self.accuracy,
                "auc": self.auc,
                "eer": self.eer,
                "tar_at_far": [
                    {"far": far, "tar": tar} for far, tar in self.tar_at_far.items()
                ],
                "operating_at_far": [point._asdict() for point in self.at_far],
            }
        )


class GroupPoint(NamedTuple):
    """Rates of a group at the threshold of all; NaN where its pairs do not suffice.

    Args:
        far_target: The FAR, of all pairs, that the threshold keeps to.
        threshold: For plain cosines.
        tar: Genuine pairs of the group accepted.
        tar_interval: Of `tar`.
        far: Impostor pairs of two people of the group accepted.
        far_interval: Of `far`.
    """

    far_target: float
    threshold: float
    tar: float
    tar_interval: Interval
    far: float
    far_interval: Interval


@dataclasses.dataclass(frozen=True)
class GroupRates:
    """Rates of one group of people at the thresholds of all pairs.

    Args:
        group: Its name.
        people: Number of its people in its pairs.
        genuine: Number of genuine pairs of its people, with both photos.
        impostor: Number of impostor pairs of two of its people, with both photos.
        at_far: For each FAR that all pairs suffice for.
    """

    group: str
    people: int
    genuine: int
    impostor: int
    at_far: tuple[GroupPoint, ...]

    def to_json(self) -> dict:
        fields = {**vars(self), "at_far": [point._asdict() for point in self.at_far]}
        return without_nan(fields)


def groups_table(groups: Sequence[GroupRates]) -> Table:
    """Table of groups: a row for each group and FAR."""
    rows = [
        (
            *(group.group, f"{group.people:,}"),
            *(f"{group.genuine:,}", f"{group.impostor:,}", f"{point.far_target:g}"),
            _with_interval(point.tar, point.tar_interval),
            _with_interval(point.far, point.far_interval),
        )
        for group in groups
        for point in group.at_far
    ]
    return Table(
        "Groups of people",
        "Rates of each group at the thresholds of all pairs: genuine pairs of its "
        "people, impostor pairs of two of its people. Below a rate its confidence "
        "interval.",
        ("Group", "People", "Genuine", "Impostor", "FAR of all", "TAR", "FAR"),
        tuple(rows),
    )


def _with_interval(rate, interval):
    if math.isnan(rate) or math.isnan(interval.low):
        return percent(rate)
    return f"{percent(rate)}\n{percent(interval.low)} to {percent(interval.high)}"
