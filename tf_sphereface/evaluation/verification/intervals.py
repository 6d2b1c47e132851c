"""Confidence intervals of a verification's figures, from resamples of its people."""

import dataclasses

import numpy as np

from tf_sphereface.evaluation.rates.bootstrap import (
    CONFIDENCE,
    FEWEST_PEOPLE,
    RESAMPLES,
    bootstrap_people,
)
from tf_sphereface.evaluation.rates.weighted_rates import (
    WeightedRates,
    areas,
    equal_error_rates,
    points_at_far,
)
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.evaluation.verification.results import (
    Interval,
    OperatingInterval,
    VerificationIntervals,
)


def with_intervals(
    report: VerificationReport,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> VerificationReport:
    """The same report with intervals by `bootstrap_people`.

    Means and thresholds of the folds stay what they are in all resamples; thresholds at
    a FAR, and the TAR there, are found anew in each.

    Raises: ValueError if the report does not know the people, or as `bootstrap_people`.
    """
    if report.people is None:
        raise ValueError("`report` must have people. Received: report.people=None")
    fars = [far for far, tar in report.tar_at_far.items() if not np.isnan(tar)]
    settings = (resamples, seed, confidence)
    figures = _protocol_figures(report, fars)
    people = report.people
    accuracy, auc, eer, *tars = bootstrap_people(
        people.left, people.right, figures, *settings
    )
    known = ~np.isnan(report.plain_scores)
    seen = people.of_pairs(known)
    figures = _plain_figures(report.plain_scores[known], report.same[known], fars)
    plain = bootstrap_people(seen.left, seen.right, figures, *settings)
    thresholds, plain_tars = np.split(plain, 2)
    unknown = Interval(np.nan, np.nan)
    intervals = VerificationIntervals(
        confidence=confidence,
        resamples=resamples,
        people=people.count,
        accuracy=Interval(*accuracy.tolist()),
        auc=Interval(*auc.tolist()),
        eer=Interval(*eer.tolist()),
        tar_at_far={
            far: Interval(*tars[fars.index(far)].tolist()) if far in fars else unknown
            for far in report.tar_at_far
        },
        at_far=tuple(
            OperatingInterval(
                far, Interval(*threshold.tolist()), Interval(*tar.tolist())
            )
            for far, threshold, tar in zip(fars, thresholds, plain_tars, strict=True)
        ),
    )
    notes = (*report.notes, *_notes(intervals, people.count))
    return dataclasses.replace(report, intervals=intervals, notes=notes)


def _protocol_figures(report, fars):
    rates = WeightedRates(report.scores, report.same)
    # Columns of a fold's pairs, for its accuracy by one product with the weights.
    folds = (report.fold[:, None] == np.unique(report.fold)).astype(np.float64)
    right_calls = folds * report.right_calls[:, None]

    def figures(weights):
        shares = weights @ folds
        shares[shares == 0] = np.nan
        accuracy = (weights @ right_calls / shares).mean(axis=1)
        curve = fars_seen, tars_seen = rates.curves(weights)
        found = points_at_far(fars_seen, fars)
        tars = np.take_along_axis(tars_seen, found, 1)
        return np.column_stack(
            [accuracy, areas(*curve), equal_error_rates(*curve), tars]
        )

    return figures


def _plain_figures(scores, same, fars):
    rates = WeightedRates(scores, same)

    def figures(weights):
        fars_seen, tars_seen = rates.curves(weights)
        found = points_at_far(fars_seen, fars)
        tars = np.take_along_axis(tars_seen, found, 1)
        thresholds = np.where(np.isnan(tars), np.nan, rates.thresholds[found])
        return np.column_stack([thresholds, tars])

    return figures


def _notes(intervals, people):
    bounds = {"accuracy": intervals.accuracy, "AUC": intervals.auc}
    bounds["EER"] = intervals.eer
    for point in intervals.at_far:
        bounds[f"TAR at FAR {point.far_target:g}"] = point.tar
    lacking = [name for name, bound in bounds.items() if np.isnan(bound.low)]
    if lacking:
        few = people < FEWEST_PEOPLE
        yield "Some figures have no interval: " + (
            f"{people:,} people are fewer than {FEWEST_PEOPLE}."
            if few
            else "all resamples of the people give the same figure, as without any "
            "error, or too few of them give one, as where a fold has few people: "
            f"{', '.join(lacking)}."
        )
