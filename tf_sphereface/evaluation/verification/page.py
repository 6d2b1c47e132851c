"""Plots and tables that report.html has of a verification on pairs."""

import math
from typing import TYPE_CHECKING

from tf_sphereface.evaluation.pages.plots import curves_svg
from tf_sphereface.evaluation.rates.curves import angle_curves
from tf_sphereface.evaluation.report_types import NOT_MEASURED, percent

if TYPE_CHECKING:
    from tf_sphereface.evaluation.verification.report import VerificationReport

_INTROS = {
    "sphereface": "These figures are under the rule of LFW: the mean of the other "
    "folds' faces is subtracted from each face before two of them are compared.",
    "insightface": "These figures are under InsightFace's rule: distances of "
    "L2-normalised embeddings; where mirror images were embedded, of the sum with "
    "theirs.",
}
_SCORES = {
    "sphereface": "with the mean subtracted",
    "insightface": "as InsightFace's rule has them",
}


def verification_values(report: "VerificationReport") -> dict:
    """Values of page.html beside those of every report."""
    curves = {curve.kind: curve for curve in report.curves()}
    wrong = round((1 - report.accuracy) * len(report.same))
    # The protocol's scores of the pairs with both photos, NaN for the others.
    known = report.scores + 0 * report.plain_scores
    return {
        "right": len(report.same) - wrong,
        "wrong": wrong,
        "intro": _INTROS[report.rule],
        "rule_scores": _SCORES[report.rule],
        "roc": curves_svg([curves["roc"]], "roc"),
        "det": curves_svg([curves["det"]], "det"),
        "protocol_angles": curves_svg(
            angle_curves(known, report.same), "protocol", report.protocol_threshold
        ),
        "phone_angles": curves_svg(
            angle_curves(report.plain_scores, report.same),
            "phone",
            report.operating.accuracy.threshold,
        ),
        "intervals": report.intervals,
        "operating": _operating_rows(report),
        "folds": [
            (str(number), percent(accuracy), f"{threshold:.4f}")
            for number, (accuracy, threshold) in enumerate(
                zip(report.fold_accuracies, report.fold_thresholds, strict=True), 1
            )
        ],
    }


def _bounds(report, far):
    """The interval of the threshold at a FAR, shown below it."""
    points = report.intervals.at_far if report.intervals is not None else ()
    for point in points:
        if point.far_target == far and not math.isnan(point.threshold.low):
            low, high = point.threshold
            return f"\n{low:.4f} to {high:.4f}"
    return ""


def _operating_rows(report):
    points = [("Best accuracy", report.operating.accuracy)]
    points += [("EER", report.operating.eer)]
    points += [
        (f"FAR ≤ {point.far_target:g}", point) for point in report.operating.at_far
    ]
    rows = []
    for aim, point in points:
        if math.isnan(point.threshold):
            rows.append((aim, NOT_MEASURED, "", "", ""))
            continue
        threshold = f"{point.threshold:.4f}{_bounds(report, point.far_target)}"
        figures = map(percent, (point.far, point.tar, point.accuracy))
        rows.append((aim, threshold, *figures))
    return rows
