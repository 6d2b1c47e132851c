"""Writes an evaluation as report.json and as report.html, a page for people."""

import dataclasses
import datetime
import hashlib
import json
from pathlib import Path

import tf_sphereface
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.report_page import render_page
from tf_sphereface.evaluation.sources import is_bundle
from tf_sphereface.evaluation.verification_report import VerificationReport
from tf_sphereface.files import sha256_of, write_atomically

SCHEMA_VERSION = 1
JSON_FILE, PAGE_FILE = "report.json", "report.html"


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """Which model was scored.

    Args:
        path: As the user gave it.
        sha256: Of the file; of a bundle, of the variant's file; of a SavedModel folder,
            of its files' relative paths and contents.
        variant: Of a bundle, or None.
    """

    path: str
    sha256: str
    variant: str | None = None


def describe_model(path: Path, variant: str | None = None) -> ModelInfo:
    """Hashes the model at `path`.

    Args:
        path: As for `load_embedding_source`.
        variant: As for `load_embedding_source`.

    Raises: InputError if it cannot be read.
    """
    path = Path(path)
    if is_bundle(path):
        from tf_sphereface.deployment.bundle import load_bundle

        bundle = load_bundle(path)
        name = bundle.contract.default_variant if variant is None else variant
        return ModelInfo(str(path), bundle.variant(name).sha256, name)
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            files = [file for file in path.rglob("*") if file.is_file()]
            for file in sorted(files, key=lambda file: file.relative_to(path).parts):
                name = file.relative_to(path).as_posix()
                digest.update(f"{sha256_of(file)}  {name}\n".encode())
            sha256 = digest.hexdigest()
        else:
            sha256 = sha256_of(path)
    except OSError as error:
        raise InputError(f"cannot read the model: {path} ({error.strerror})") from error
    return ModelInfo(str(path), sha256, variant)


def write_report(
    report: VerificationReport, out_dir: Path, command: str, model_info: ModelInfo
) -> dict:
    """Writes report.json and report.html; each is whole or unchanged.

    Args:
        report: What was measured.
        out_dir: Folder; made if missing.
        command: The exact command line.
        model_info: Which model was scored.

    Returns: The content of report.json.
    Raises: OSError if the folder is not writable.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "library_version": tf_sphereface.__version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "model": {
            **dataclasses.asdict(model_info),
            "kind": report.source_kind,
            "embedding_dim": report.embedding_dim,
        },
        **report.to_json(),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    page = render_page(report, content)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(out_dir / PAGE_FILE, page.encode())
    write_atomically(out_dir / JSON_FILE, text.encode())
    return content
