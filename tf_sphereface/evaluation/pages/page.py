"""report.html: one self-contained page of any protocol that a newcomer can read."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from tf_sphereface.evaluation.pages.pictures import face_pictures
from tf_sphereface.evaluation.pages.plots import TITLES, curves_svg
from tf_sphereface.evaluation.report_types import NOT_MEASURED, Figure, Report
from tf_sphereface.pages.rendering import picture_address, render_page
from tf_sphereface.preprocessing import PixelContract

_ERRORS = (
    (False, "Strangers taken for one person, the most alike first"),
    (True, "One person taken for two, the least alike first"),
)


def render_report(
    report: Report,
    content: dict,
    images_dir: Path | None = None,
    figures: Sequence[Figure] = (),
) -> str:
    """The HTML of a report.

    Args:
        report: Result of a protocol.
        content: Content of report.json.
        images_dir: Folder of the aligned faces, to show those of the worst errors.
        figures: Further pictures.

    Raises: InputError if the folder is missing.
    """
    explained = report.explanations()
    errors = report.worst_errors()
    photos = sorted({photo for error in errors for photo in error[:2]})
    kinds = [
        (title, [error for error in errors if error.same is same])
        for same, title in _ERRORS
    ]
    return render_page(
        report.page_template,
        content=content,
        heading=file_name(content["model"]["path"]),
        verdict=report.verdict(),
        notes=report.notes,
        tiles=[
            (label, figure, explained.get(label, ""))
            for label, figure in report.headline()
        ],
        curves=lambda: _curves(report),
        tables=report.tables(),
        figures=[
            (figure.title, figure.text, picture_address(figure.pixels))
            for figure in figures
        ],
        errors=[(title, pairs) for title, pairs in kinds if pairs],
        faces=images_dir is not None,
        pictures=None if images_dir is None else face_pictures(images_dir, photos),
        missing_photos=report.missing_photos,
        details=_details(content),
        **report.page_values(),
    )


def file_name(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rstrip("/").split("/")[-1]


def _curves(report):
    """(SVG, caption) of each kind of curves."""
    curves = sorted(report.curves(), key=lambda curve: curve.kind)
    groups = itertools.groupby(curves, key=lambda curve: curve.kind)
    return [
        (curves_svg(list(group), f"plot{number}"), TITLES.get(kind, kind))
        for number, (kind, group) in enumerate(groups)
    ]


def _count(value):
    return f"{value:,}" if isinstance(value, int) else str(value)


def _details(content):
    model = content["model"]
    variant = f", variant {model['variant']}" if model["variant"] else ""
    rows = [("Model", f"{model['path']}{variant}"), ("SHA-256", model["sha256"])]
    if model["kind"] is not None:
        dimension = f"embeddings of {model['embedding_dim']} numbers"
        rows.append(("Kind", f"{model['kind']}, {dimension}"))
    if pixels := model.get("pixels"):
        contract = PixelContract(**pixels)
        size = f"{contract.height} x {contract.width} (height x width)"
        rows.append(("Pixels", f"{size}, {contract.formula}"))
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
        ("Run", content["run_id"]),
        ("Date", content["date"]),
        ("tf_sphereface", content["library_version"]),
    ]
