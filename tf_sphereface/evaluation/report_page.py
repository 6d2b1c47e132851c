"""report.html: one self-contained page that a newcomer can read."""

import math

from tf_sphereface.evaluation.plots import angles_svg, roc_svg
from tf_sphereface.evaluation.verification_report import VerificationReport
from tf_sphereface.pages.markup import escape, fill_template

_NOT_MEASURED = '<span class="none">not measured</span>'
_MISSING_SHOWN = 20


def render_page(report: VerificationReport, content: dict) -> str:
    """The HTML of a report.

    Args:
        report: What was measured.
        content: What report.json says.
    """
    counts = content["counts"]
    mirror = "; every face with its mirror image" if report.mirror else ""
    values = {
        "model_name": escape(
            content["model"]["path"].replace("\\", "/").split("/")[-1]
        ),
        "subtitle": escape(
            f"{counts['pairs']:,} pairs of photos in {counts['folds']} folds{mirror}"
        ),
        "headline": _headline(report, counts),
        "notes": "".join(f"<p>{escape(note)}</p>" for note in report.notes),
        "notes_class": "notes" if report.notes else "hidden",
        "cards": _cards(report, counts["impostor"]),
        "roc": roc_svg(report.scores, report.same),
        "protocol_angles": angles_svg(
            _known(report), report.same, report.protocol_threshold, "protocol"
        ),
        "phone_angles": angles_svg(
            report.plain_scores,
            report.same,
            report.operating.accuracy.threshold,
            "phone",
        ),
        "operating_rows": _operating_rows(report),
        "fold_rows": _fold_rows(report),
        "missing": _missing(report),
        "details": _details(content),
    }
    return fill_template(__package__, "report_template.html", values)


def _known(report):
    """The protocol's scores of the pairs with both photos, NaN for the others."""
    return report.scores + 0 * report.plain_scores


def _headline(report, counts):
    wrong = round((1 - report.accuracy) * counts["pairs"])
    return (
        "Same person, or two people? The model judged "
        f"<strong>{counts['pairs'] - wrong:,} of {counts['pairs']:,} pairs</strong> "
        f"rightly and {wrong:,} wrongly."
    )


def _cards(report, impostors):
    cards = [
        (
            "Accuracy",
            _percent(report.accuracy),
            f"± {_percent(report.accuracy_std)} between folds. A coin gives 50 %.",
        ),
        (
            "AUC",
            f"{report.auc:.4f}",
            "Chance that a genuine pair scores above an impostor pair. 1 is perfect.",
        ),
        (
            "EER",
            _percent(report.eer),
            "Error rate where both kinds of error are equally frequent. 0 is perfect.",
        ),
    ]
    cards += [
        (
            f"TAR at FAR {far:g}",
            _percent(tar),
            _tar_text(far, tar, impostors),
        )
        for far, tar in report.tar_at_far.items()
    ]
    return "".join(
        f'<div class="card"><h3>{name}</h3><p class="figure">{value}</p>'
        f"<p>{text}</p></div>"
        for name, value, text in cards
    )


def _tar_text(far, tar, impostors):
    if math.isnan(tar):
        return (
            f"This takes {_one_in(far)} impostor pairs at least; these are "
            f"{impostors:,}."
        )
    return (
        f"Genuine pairs accepted when 1 in {_one_in(far)} impostor pairs gets through."
    )


def _operating_rows(report):
    points = [("Best accuracy", report.operating.accuracy)]
    points += [("EER", report.operating.eer)]
    points += [
        (f"FAR ≤ {point.far_target:g}", point) for point in report.operating.at_far
    ]
    rows = []
    for aim, point in points:
        cells = f"<td>{_NOT_MEASURED}</td>" + 3 * "<td></td>"
        if not math.isnan(point.threshold):
            figures = map(_percent, (point.far, point.tar, point.accuracy))
            cells = f"<td><strong>{point.threshold:.4f}</strong></td>"
            cells += "".join(f"<td>{figure}</td>" for figure in figures)
        rows.append(f'<tr><th scope="row">{aim}</th>{cells}</tr>')
    return "".join(rows)


def _fold_rows(report):
    folds = zip(report.fold_accuracies, report.fold_thresholds, strict=True)
    return "".join(
        f'<tr><th scope="row">{number}</th><td>{_percent(accuracy)}</td>'
        f"<td>{threshold:.4f}</td></tr>"
        for number, (accuracy, threshold) in enumerate(folds, start=1)
    )


def _missing(report):
    if not report.missing_photos:
        return ""
    items = "".join(
        f"<li>{escape(photo)}</li>" for photo in report.missing_photos[:_MISSING_SHOWN]
    )
    more = len(report.missing_photos) - _MISSING_SHOWN
    if more > 0:
        items += f"<li>and {more:,} more: see report.json</li>"
    return f"<h2>Missing photos</h2><ul>{items}</ul>"


def _details(content):
    model, counts = content["model"], content["counts"]
    milliseconds = content["milliseconds_per_face"]
    variant = f", variant {model['variant']}" if model["variant"] else ""
    rows = [
        ("Model", f"{model['path']}{variant}"),
        ("SHA-256", model["sha256"]),
        ("Kind", f"{model['kind']}, embeddings of {model['embedding_dim']} numbers"),
        ("Pairs", f"{counts['genuine']:,} genuine, {counts['impostor']:,} impostor"),
        ("Pairs with a missing photo", f"{counts['pairs_with_a_missing_photo']:,}"),
        (
            "Time of a face",
            f"{milliseconds:.1f} ms, one forward pass in a batch, on this machine"
            if milliseconds is not None
            else "not measured",
        ),
        ("Command", content["command"]),
        ("Date", content["date"]),
        ("tf_sphereface", content["library_version"]),
    ]
    return "".join(
        f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in rows
    )


def _percent(rate):
    return _NOT_MEASURED if math.isnan(rate) else f"{100 * rate:.2f} %"


def _one_in(far):
    return f"{1 / far:,.0f}"
