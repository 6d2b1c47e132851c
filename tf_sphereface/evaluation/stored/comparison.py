"""Reports side by side: compare.json and compare.html, one self-contained page."""

import json
from collections.abc import Sequence
from pathlib import Path

from tf_sphereface.evaluation.pages.plots import TITLES, curves_svg, overlay_svg
from tf_sphereface.evaluation.report_types import NOT_MEASURED
from tf_sphereface.evaluation.stored.reader import (
    StoredReport,
    difference,
    require_comparable,
    short_names,
)
from tf_sphereface.evaluation.stored.trained_runs import TrainedRun, accuracy_curves
from tf_sphereface.files import write_atomically
from tf_sphereface.pages.markup import definition_list, escape, fill_page

COMPARISON_FILE, COMPARISON_PAGE = "compare.json", "compare.html"
_TITLES = {
    **TITLES,
    "angles": "Angles of the pairs: genuine drawn through, impostor dashed",
    "margin": "Accuracy against the margin",
    "depth": "Accuracy against the depth",
}


def write_comparison(
    reports: Sequence[StoredReport],
    out_dir: Path,
    command: str,
    runs: Sequence[TrainedRun] = (),
) -> dict:
    """Writes compare.json and compare.html.

    Args:
        reports: Of one protocol and the same lists, at least two; the others are
            compared with the first.
        out_dir: Folder; made if missing.
        command: The exact command line.
        runs: The trainings that the reports are of, in the same order, or none. Then
            the page also has accuracy against margin and depth.

    Returns: The content of compare.json.
    Raises: InputError as `require_comparable`; OSError if the folder is not writable.
    """
    require_comparable(reports)
    names = short_names([run.folder for run in runs] or [r.folder for r in reports])
    rows = [
        _row(name, report, reports[0])
        for name, report in zip(names, reports, strict=True)
    ]
    for row, run in zip(rows, runs, strict=False):
        row["recipe"] = {
            "network": run.network,
            "depth": run.depth,
            "head": run.head,
            "margin": run.margin,
        }
    content = {
        "schema_version": 1,
        "command": command,
        "protocol": reports[0].content.protocol,
        "reports": rows,
    }
    page = _page(content, names, reports, runs)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    # Paths may hold bytes that are no text; JSON has no escape for them.
    page, text = page.encode(errors="backslashreplace"), text.encode(errors="replace")
    write_atomically(out_dir / COMPARISON_PAGE, page)
    write_atomically(out_dir / COMPARISON_FILE, text)
    return content


def _row(name, report, first):
    before = dict(first.content.headline)
    return {
        "name": name,
        "folder": str(report.folder),
        "model": report.content.model.model_dump(),
        "headline": [list(figure) for figure in report.content.headline],
        "difference_to_first": {
            label: difference(figure, before.get(label, ""))
            for label, figure in report.content.headline
        }
        if report is not first
        else {},
    }


def _page(content, names, reports, runs):
    figures = _overlays(names, reports)
    lines = accuracy_curves(list(runs))
    for kind in dict.fromkeys(line.kind for line in lines):
        own = [line for line in lines if line.kind == kind]
        figures.append(_figure(kind, curves_svg(own, kind)))
    first = reports[0].content
    measured = [
        f"{count:,} {key.replace('_', ' ')}"
        for key, count in first.counts.items()
        if count and "missing" not in key
    ]
    lists = [given.file for given in first.inputs.values()]
    told = ", ".join(measured) + (f" ({', '.join(lists)})" if lists else "")
    values = {
        "title": "Comparison of face models",
        "kicker": "Comparison of face models",
        "heading": f"{len(reports)} models side by side",
        "headline": f"Protocol <strong>{escape(first.protocol)}</strong>: "
        f"{escape(told)}.",
        "first": escape(names[0]),
        "table": _table(content["reports"]),
        "plots": "".join(figures),
        "details": definition_list(_details(content)),
    }
    return fill_page(__package__, "compare_template.html", values)


def _overlays(names, reports):
    figures = []
    for kind in dict.fromkeys(curve.kind for curve in reports[0].curves):
        models = [
            (name, [curve for curve in report.curves if curve.kind == kind])
            for name, report in zip(names, reports, strict=True)
        ]
        figures.append(_figure(kind, overlay_svg(models, kind)))
    return figures


def _figure(kind, svg):
    caption = escape(_TITLES.get(kind, kind))
    return f"<figure>{svg}<figcaption>{caption}.</figcaption></figure>"


def _table(rows):
    """Models over figures; a figure that no model has is left out."""
    columns = list(
        dict.fromkeys(
            label
            for row in rows
            for label, figure in row["headline"]
            if figure != NOT_MEASURED
        )
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = []
    for row in rows:
        figures, changes = dict(row["headline"]), row["difference_to_first"]
        cells = "".join(
            f"<td>{escape(figures.get(label, NOT_MEASURED))}"
            f"{_small(changes.get(label, ''))}</td>"
            for label in columns
        )
        name = escape(row["name"]) + _small(_recipe_words(row.get("recipe")))
        body.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (
        f'<table><thead><tr><th scope="col">Model</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _small(text):
    return f'<span class="change">{escape(text)}</span>' if text else ""


def _recipe_words(recipe):
    if recipe is None:
        return ""
    depth = "" if recipe["depth"] is None else f" {recipe['depth']}"
    margin = "" if recipe["margin"] is None else f", m = {recipe['margin']:g}"
    return f"{recipe['network']}{depth}, {recipe['head']}{margin}"


def _details(content):
    rows = []
    for row in content["reports"]:
        model = row["model"]
        variant = f", variant {model['variant']}" if model["variant"] else ""
        told = f"{model['path']}{variant}, SHA-256 {model['sha256']}; {row['folder']}"
        rows.append((row["name"], told))
    return [*rows, ("Command", content["command"])]
