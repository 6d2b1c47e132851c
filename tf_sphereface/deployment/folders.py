"""The folders that an export writes, checked before any work is done."""

import functools
import json
from pathlib import Path

from tf_sphereface.bundle.bundle import contract_content
from tf_sphereface.errors import InputError
from tf_sphereface.model_files import export_file, model_file
from tf_sphereface.whole_folders import changing


def check_output(out: Path, overwrite: bool) -> None:
    """Refuses an output folder before any work is done.

    A missing parent is no error: `replacing_export` makes it.

    Raises: InputError if `out` exists and `overwrite` is not set, if it is something
        else than an earlier export, or if it would lie inside a file.
    """
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"not a folder, so nothing can be written in it: {above}")
    if not (out.exists() or out.is_symlink()):
        return
    if not overwrite:
        raise InputError(f"output exists: {out}; replace it with --overwrite")
    if out.is_symlink() or not _is_export(out):
        raise InputError(f"not an earlier export, so it is not replaced: {out}")


def _is_export(folder):
    """True if its contract.json is one of ours: others have files of that name too."""
    try:
        content = json.loads(contract_content(folder))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"library_version", "pixels"} <= content.keys()


def check_paths(model: Path, out: Path, overwrite: bool, tflite: bool = False) -> None:
    """Refuses the paths of an export while that is cheap: TensorFlow is not loaded.

    Args:
        model: To be exported.
        out: Folder of the export.
        overwrite: An earlier export may be replaced.
        tflite: The model may be a TFLite file.

    Raises: InputError as `model_file` and `check_output`.
    """
    file = export_file(model) if tflite else model_file(model)
    check_output(out, overwrite)
    if out.resolve() in file.resolve().parents:  # it would go with the earlier export
        raise InputError(f"the model lies in the folder that is replaced: {file}")


def replacing_export(out: Path, overwrite: bool = False):
    """`changing` for an export: what is no earlier export is not replaced.

    Raises: InputError as `check_output`.
    """
    return changing(out, functools.partial(check_output, out, overwrite))
