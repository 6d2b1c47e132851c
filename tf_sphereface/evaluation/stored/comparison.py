"""Reports side by side: compare.json and compare.html, one self-contained page."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from tf_sphereface.evaluation.pages.page import file_name
from tf_sphereface.evaluation.pages.plots import TITLES, curves_svg, overlay_svg
from tf_sphereface.evaluation.report_types import NOT_MEASURED
from tf_sphereface.evaluation.stored.reader import (
    StoredReport,
    difference,
    require_comparable,
    short_names,
)
from tf_sphereface.evaluation.stored.trained_runs import TrainedRun, accuracy_curves
from tf_sphereface.pages.rendering import render_page
from tf_sphereface.stated_paths import stated_path
from tf_sphereface.whole_folders import write_together

COMPARISON_FILE, COMPARISON_PAGE = "compare.json", "compare.html"
_TITLES = {
    **TITLES,
    "angles": "Angles of the pairs: genuine solid, impostor dashed",
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
        command: The command line, as `stated_command` gives it.
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
        "run_id": uuid.uuid4().hex,
        "command": command,
        "protocol": reports[0].content.protocol,
        "reports": rows,
    }
    page = _page(content, names, reports, runs)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    contents = {
        # Paths may hold bytes that are no text; JSON has no escape for them.
        COMPARISON_FILE: text.encode(errors="replace"),
        COMPARISON_PAGE: page.encode(errors="backslashreplace"),
    }
    write_together(out_dir, contents)
    return content


def _row(name, report, first):
    before, model = dict(first.content.headline), report.content.model.model_dump()
    return {
        "name": name,
        "folder": stated_path(report.folder),
        "model": {**model, "path": stated_path(model["path"])},
        "headline": [list(figure) for figure in report.content.headline],
        "headline_intervals": report.content.headline_intervals,
        "difference_to_first": {
            label: difference(figure, before.get(label, ""))
            for label, figure in report.content.headline
        }
        if report is not first
        else {},
    }


def _page(content, names, reports, runs):
    lines = accuracy_curves(list(runs))
    figures = _overlays(names, reports)
    for kind in dict.fromkeys(line.kind for line in lines):
        own = [line for line in lines if line.kind == kind]
        figures.append((curves_svg(own, kind), _TITLES[kind]))
    first = reports[0].content
    measured = [
        f"{count:,} {key.replace('_', ' ')}"
        for key, count in first.counts.items()
        if count and "missing" not in key
    ]
    lists = [given.file for given in first.inputs.values()]
    columns, rows = _table(content["reports"], reports)
    return render_page(
        "evaluation/stored/compare.html",
        heading=f"{len(reports)} models side by side",
        protocol=first.protocol,
        measured=", ".join(measured) + (f" ({', '.join(lists)})" if lists else ""),
        first=names[0],
        columns=columns,
        rows=rows,
        figures=figures,
        details=_details(content),
    )


def _overlays(names, reports):
    kinds = dict.fromkeys(curve.kind for curve in reports[0].curves)
    figures = []
    for number, kind in enumerate(kinds):
        models = [
            (name, [curve for curve in report.curves if curve.kind == kind])
            for name, report in zip(names, reports, strict=True)
        ]
        svg = overlay_svg(models, f"overlay{number}")
        figures.append((svg, _TITLES.get(kind, kind)))
    return figures


def _table(rows, reports):
    """Models over figures; a figure that no model has is left out.

    Returns: The headings, and for each model its name, what stands below it, and for
        each figure (figure, interval, difference).
    """
    columns = list(
        dict.fromkeys(
            label
            for row in rows
            for label, figure in row["headline"]
            if figure != NOT_MEASURED
        )
    )
    body = []
    for row, report in zip(rows, reports, strict=True):
        figures, changes = dict(row["headline"]), row["difference_to_first"]
        intervals = report.content.headline_intervals
        cells = [
            (
                figures.get(label, NOT_MEASURED),
                intervals.get(label, ""),
                changes.get(label, ""),
            )
            for label in columns
        ]
        below = [_model_words(row["model"]), _recipe_words(row.get("recipe"))]
        body.append((row["name"], [words for words in below if words], cells))
    return columns, body


def _model_words(model):
    variant = f", {model['variant']}" if model["variant"] else ""
    return file_name(model["path"]) + variant


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
    return [*rows, ("Command", content["command"]), ("Run", content["run_id"])]
