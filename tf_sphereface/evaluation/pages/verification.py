"""What report.html says of a verification on pairs, beside what every report has."""

import math

import numpy as np

from tf_sphereface.evaluation.pages.plots import curves_svg
from tf_sphereface.evaluation.rates.curves import angle_curves
from tf_sphereface.evaluation.report_types import percent
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.pages.markup import escape, fill_template

_EXPLAINED = {
    "AUC": "Chance that a genuine pair scores above an impostor pair. 1 is perfect.",
    "EER": "Error rate where both kinds of error are equally frequent. 0 is perfect.",
}


def verification_headline(report: VerificationReport) -> str:
    """The first sentence of the page, HTML."""
    pairs = len(report.same)
    wrong = round((1 - report.accuracy) * pairs)
    return (
        "Same person, or two people? The model judged "
        f"<strong>{pairs - wrong:,} of {pairs:,} pairs</strong> "
        f"rightly and {wrong:,} wrongly."
    )


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


def verification_intro(report: VerificationReport) -> str:
    """Which scores the tiles are of, HTML."""
    return (
        f"<p>{escape(_INTROS[report.rule])} A phone does not do that; for it, see "
        '<a href="#phone">the thresholds for a phone</a>.</p>'
    )


def explain_verification(report: VerificationReport) -> dict[str, str]:
    """A sentence for each label of the headline."""
    spread = f"± {percent(report.accuracy_std)} between folds. A coin gives 50 %."
    both = ~np.isnan(report.plain_scores)  # those with both photos decide
    impostors = int(np.count_nonzero(both & ~report.same))
    texts = {
        **_EXPLAINED,
        "Accuracy": spread,
        **{
            f"TAR at FAR {far:g}": _tar_text(far, tar, impostors)
            for far, tar in report.tar_at_far.items()
        },
    }
    for label, words in _interval_words(report):
        texts[label] += f" {words}"
    return texts


def _interval_words(report):
    """(label, words) of the confidence intervals that are known."""
    found = report.intervals
    if found is None:
        return
    rates = {f"TAR at FAR {far:g}": bounds for far, bounds in found.tar_at_far.items()}
    for label, bounds in {
        "Accuracy": found.accuracy,
        "AUC": found.auc,
        "EER": found.eer,
        **rates,
    }.items():
        if not math.isnan(bounds.low):
            shown = [f"{v:.4f}" if label == "AUC" else percent(v) for v in bounds]
            yield label, f"{found.confidence:.0%} interval {shown[0]} to {shown[1]}."


def verification_sections(report: VerificationReport) -> str:
    """Plots and tables, HTML."""
    curves = {curve.kind: curve for curve in report.curves()}
    # The protocol's scores of the pairs with both photos, NaN for the others.
    known = report.scores + 0 * report.plain_scores
    values = {
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
        "operating_rows": _operating_rows(report),
        "fold_rows": _fold_rows(report),
        "confidence": _confidence(report),
        "rule_scores": _SCORES[report.rule],
    }
    return fill_template(__package__, "verification_template.html", values)


def _tar_text(far, tar, impostors):
    one_in = f"{1 / far:,.0f}"
    if math.isnan(tar):
        return f"This takes {one_in} impostor pairs at least; these are {impostors:,}."
    return f"Genuine pairs accepted when 1 in {one_in} impostor pairs gets through."


def _confidence(report):
    found = report.intervals
    if found is None:
        return ""
    return (
        f"<p>Under each threshold at a FAR stands its {found.confidence:.0%} interval, "
        f"from {found.resamples:,} resamples of the {found.people:,} people.</p>"
    )


def _bounds(report, far):
    """The interval of the threshold at a FAR, HTML."""
    points = report.intervals.at_far if report.intervals is not None else ()
    for point in points:
        if point.far_target == far and not math.isnan(point.threshold.low):
            low, high = point.threshold
            return f'<span class="change">{low:.4f} to {high:.4f}</span>'
    return ""


def _operating_rows(report):
    points = [("Best accuracy", report.operating.accuracy)]
    points += [("EER", report.operating.eer)]
    points += [
        (f"FAR ≤ {point.far_target:g}", point) for point in report.operating.at_far
    ]
    rows = []
    for aim, point in points:
        cells = '<td><span class="none">not measured</span></td>' + 3 * "<td></td>"
        if not math.isnan(point.threshold):
            figures = map(percent, (point.far, point.tar, point.accuracy))
            bounds = _bounds(report, point.far_target)
            cells = f"<td><strong>{point.threshold:.4f}</strong>{bounds}</td>"
            cells += "".join(f"<td>{figure}</td>" for figure in figures)
        rows.append(f'<tr><th scope="row">{aim}</th>{cells}</tr>')
    return "".join(rows)


def _fold_rows(report):
    folds = zip(report.fold_accuracies, report.fold_thresholds, strict=True)
    return "".join(
        f'<tr><th scope="row">{number}</th><td>{percent(accuracy)}</td>'
        f"<td>{threshold:.4f}</td></tr>"
        for number, (accuracy, threshold) in enumerate(folds, start=1)
    )
