"""report.html: one self-contained page of any protocol that a newcomer can read."""

import itertools
from pathlib import Path

from tf_sphereface.evaluation.pages.pictures import errors_section
from tf_sphereface.evaluation.pages.plots import TITLES, curves_svg
from tf_sphereface.evaluation.pages.verification import (
    explain_verification,
    verification_headline,
    verification_intro,
    verification_sections,
)
from tf_sphereface.evaluation.report_types import NOT_MEASURED, Report, Table
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.pages.markup import definition_list, escape, fill_page

_MISSING_SHOWN = 20
# What a tile means, by how its label begins.
_EXPLAINED = {
    "rank": "Probes whose person is among that many of the gallery that are nearest.",
    "tar at far": "Genuine pairs accepted when that share of impostor pairs gets "
    "through.",
    "dir at": "People of the gallery found and named rightly when that share of "
    "strangers is taken for someone.",
}


def render_page(report: Report, content: dict, images_dir: Path | None = None) -> str:
    """The HTML of a report.

    Args:
        report: What was measured.
        content: What report.json says.
        images_dir: Folder of the aligned faces, to show those of the worst errors.
    """
    of_pairs = isinstance(report, VerificationReport)
    explained = explain_verification(report) if of_pairs else _explain(report)
    verdict = report.verdict() if hasattr(report, "verdict") else ""
    tables = report.tables() if hasattr(report, "tables") else []
    errors = report.worst_errors() if hasattr(report, "worst_errors") else []
    values = {
        "kicker": "Face verification report" if of_pairs else "Face evaluation report",
        "heading": escape(file_name(content["model"]["path"])),
        "subtitle": escape(_subtitle(content, of_pairs)),
        "headline": verification_headline(report) if of_pairs else _headline(content),
        "verdict": f"<p>{escape(verdict)}</p>" if verdict else "",
        "notes": "".join(f"<p>{escape(note)}</p>" for note in report.notes),
        "notes_class": "notes" if report.notes else "hidden",
        "intro": verification_intro(report) if of_pairs else "",
        "cards": tiles(report.headline(), explained),
        "sections": verification_sections(report) if of_pairs else _plots(report),
        "tables": "".join(table_section(table) for table in tables),
        "errors": errors_section(errors, images_dir),
        "missing": _missing(getattr(report, "missing_photos", ())),
        "details": definition_list(_details(content)),
    }
    return fill_page(__package__, "report_template.html", values)


def _explain(report):
    """A sentence for the labels whose beginning is known."""
    return {
        label: text
        for label, _ in report.headline()
        for beginning, text in _EXPLAINED.items()
        if label.lower().startswith(beginning)
    }


def file_name(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rstrip("/").split("/")[-1]


def tiles(headline: list[tuple[str, str]], explained: dict[str, str]) -> str:
    """Figures in boxes, HTML.

    Args:
        headline: Labels and figures.
        explained: A sentence for some of the labels.
    """
    return "".join(
        f'<div class="card"><h3>{escape(label)}</h3>'
        f'<p class="figure">{_figure(figure)}</p>'
        f"<p>{escape(explained.get(label, ''))}</p></div>"
        for label, figure in headline
    )


def table_section(table: Table) -> str:
    """A table with its heading, HTML."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{_figure(row[0])}</th>'
        + "".join(f"<td>{_figure(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    return (
        f"<h2>{escape(table.title)}</h2><p>{escape(table.text)}</p>"
        f'<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _figure(text):
    figure, _, small = text.partition("\n")
    shown = escape(figure)
    if figure == NOT_MEASURED:
        shown = f'<span class="none">{shown}</span>'
    return shown + (f'<span class="change">{escape(small)}</span>' if small else "")


def _headline(content):
    return f"Protocol <strong>{escape(content['protocol'])}</strong>."


def _subtitle(content, of_pairs):
    counts = content.get("counts", {})
    mirror = "; every face with its mirror image" if content.get("mirror") else ""
    if of_pairs:
        return f"{counts['pairs']:,} pairs of photos in {counts['folds']} folds{mirror}"
    return ", ".join(f"{_count(value)} {key}" for key, value in _shown(counts)) + mirror


def _shown(counts):
    """What is counted, in words, without the zeros."""
    return [(key.replace("_", " "), value) for key, value in counts.items() if value]


def _count(value):
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plots(report):
    figures = []
    curves = sorted(report.curves(), key=lambda curve: curve.kind)
    for kind, group in itertools.groupby(curves, key=lambda curve: curve.kind):
        svg = curves_svg(list(group), f"plot{len(figures)}")
        caption = escape(TITLES.get(kind, kind))
        figures.append(
            f"<figure>{svg}<figcaption>{caption}.</figcaption></figure>",
        )
    if not figures:
        return ""
    return f'<h2>Curves</h2><div class="plots">{"".join(figures)}</div>'


def _missing(photos):
    if not photos:
        return ""
    items = "".join(f"<li>{escape(photo)}</li>" for photo in photos[:_MISSING_SHOWN])
    more = len(photos) - _MISSING_SHOWN
    if more > 0:
        items += f"<li>and {more:,} more: see report.json</li>"
    return f"<h2>Missing photos</h2><ul>{items}</ul>"


def _details(content):
    model = content["model"]
    variant = f", variant {model['variant']}" if model["variant"] else ""
    rows = [("Model", f"{model['path']}{variant}"), ("SHA-256", model["sha256"])]
    if model["kind"] is not None:
        dimension = f"embeddings of {model['embedding_dim']} numbers"
        rows.append(("Kind", f"{model['kind']}, {dimension}"))
    rows += [
        (key.replace("_", " ").capitalize(), _count(value))
        for key, value in content.get("counts", {}).items()
    ]
    if "milliseconds_per_face" in content:
        milliseconds = content["milliseconds_per_face"]
        told = f"{milliseconds or 0:.1f} ms, one forward pass in a batch, this machine"
        shown = NOT_MEASURED if milliseconds is None else told
        rows.append(("Time of a face", shown))
    rows += [
        (f"Input: {name}", f"{given['file']}, SHA-256 {given['sha256']}")
        for name, given in content["inputs"].items()
    ]
    return [
        *rows,
        ("Command", content["command"]),
        ("Date", content["date"]),
        ("tf_sphereface", content["library_version"]),
    ]
