"""Writes an evaluation as report.json, curves.json and report.html, a page for people.

curves.json holds the lines of the plots, of some hundred points each, so that reports
can be laid over each other: {"schema_version", "run_id", "curves": [{"name", "kind",
"labels", "x", "y"}]}, as `Curve` has them, rounded to 6 digits.
"""

import dataclasses
import datetime
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import tf_sphereface
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import (
    EmbeddingSource,
    found_model,
    is_bundle,
)
from tf_sphereface.evaluation.pages.page import render_report
from tf_sphereface.evaluation.report_types import Curve, Figure, Report
from tf_sphereface.files import is_clutter, sha256_of
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.stated_paths import stated_path
from tf_sphereface.whole_folders import write_together

SCHEMA_VERSION = 2
JSON_FILE, PAGE_FILE, CURVES_FILE = "report.json", "report.html", "curves.json"


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """The model that was scored.

    Args:
        path: As `stated_path` has it; of a run folder, that of its model.
        sha256: Of the file; of a bundle, of the variant's file; of a SavedModel folder,
            of its files' relative paths and contents.
        variant: Of a bundle, or None.
        pixels: Its pixel contract, or None.
    """

    path: str
    sha256: str
    variant: str | None = None
    pixels: PixelContract | None = None


def describe_model(
    path: Path, variant: str | None = None, source: EmbeddingSource | None = None
) -> ModelInfo:
    """Hashes the model at `path`.

    Args:
        path: As for `load_embedding_source`.
        variant: As for `load_embedding_source`.
        source: What it was opened as, for its pixel contract.

    Raises: InputError if it cannot be read.
    """
    given, path = Path(path), found_model(path)
    told = str(Path(stated_path(given), path.relative_to(given)))
    pixels = None if source is None else source.pixel_contract
    if is_bundle(path):
        from tf_sphereface.bundle.bundle import load_bundle

        bundle = load_bundle(path)
        name = bundle.contract.default_variant if variant is None else variant
        return ModelInfo(told, bundle.variant(name).sha256, name, pixels)
    try:
        sha256 = _sha256_of_either(path)
    except OSError as error:
        raise InputError(f"cannot read the model: {path} ({error.strerror})") from error
    return ModelInfo(told, sha256, variant, pixels)


def _sha256_of_either(path):
    """Of a file's content, or of a folder's relative paths and contents."""
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    files = [
        file for file in path.rglob("*") if file.is_file() and not is_clutter(file.name)
    ]
    for file in sorted(files, key=lambda file: file.relative_to(path).parts):
        name = file.relative_to(path).as_posix()
        digest.update(f"{sha256_of(file)}  {name}\n".encode())
    return digest.hexdigest()


def write_report(
    report: Report,
    out_dir: Path,
    command: str,
    model_info: ModelInfo,
    inputs: Mapping[str, Path] | None = None,
    images_dir: Path | None = None,
    figures: Sequence[Figure] = (),
) -> dict:
    """Writes report.json, curves.json and report.html; each is whole or unchanged.

    All three have one `run_id`, by which readers see that they are of one evaluation.

    Args:
        report: What was measured.
        out_dir: Folder; made if missing.
        command: The command line, as `stated_command` gives it.
        model_info: Which model was scored.
        inputs: The lists that say what was measured, by name, such as "pairs": their
            checksums tell which reports can be compared.
        images_dir: Folder of the aligned faces, if the page shall show those of the
            worst errors. Without it the page has no picture of anyone.
        figures: Further pictures for the page.

    Returns: The content of report.json.
    Raises: OSError if the folder is not writable; InputError if an input cannot be
        read.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "library_version": tf_sphereface.__version__,
        "run_id": uuid.uuid4().hex,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "model": {
            **dataclasses.asdict(model_info),
            "kind": report.source_kind,
            "embedding_dim": report.embedding_dim,
        },
        "inputs": {name: _describe(path) for name, path in (inputs or {}).items()},
        "headline": [list(figure) for figure in report.headline()],
        "headline_intervals": report.headline_intervals(),
        **report.to_json(),
    }
    page = render_report(report, content, images_dir, figures)
    curves = [_curve_content(curve) for curve in report.curves()]
    stored = {
        "schema_version": SCHEMA_VERSION,
        "run_id": content["run_id"],
        "curves": curves,
    }
    contents = {
        JSON_FILE: _json(content, indent=2),
        CURVES_FILE: _json(stored),
        # Paths may hold bytes that are no text, and the command line then does too.
        PAGE_FILE: page.encode(errors="backslashreplace"),
    }
    write_together(out_dir, contents, private=images_dir is not None)
    return content


def _json(content, indent=None):
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode(errors="replace")  # JSON has no such escape


def _describe(path):
    try:
        return {"file": Path(path).name, "sha256": _sha256_of_either(Path(path))}
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror})") from error


def _curve_content(curve: Curve) -> dict:
    return {
        "name": curve.name,
        "kind": curve.kind,
        "labels": list(curve.labels),
        "x": [float(f"{value:.6g}") for value in curve.x],
        "y": [float(f"{value:.6g}") for value in curve.y],
    }
