"""Folders that exist either whole or not at all."""

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from tf_sphereface.deployment.contract import CONTRACT_FILE
from tf_sphereface.errors import InputError

# What `train` writes into a run folder; the best one only if it was told to validate.
RUN_MODELS = ("best.keras", "last.keras")


def model_file(path: Path) -> Path:
    """The model that is meant: a `.keras` file, or the best one of a run folder.

    Raises: InputError if there is no such file, or the folder is no run.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"no such model: {path}")
        if path.suffix != ".keras":
            raise InputError(f"not a .keras model: {path}")
        return path
    for name in RUN_MODELS:
        if (path / name).is_file():
            return path / name
    raise InputError(f"not a run folder (no {' or '.join(RUN_MODELS)}): {path}")


def check_output(out: Path, overwrite: bool) -> None:
    """Refuses an output folder before any work is done.

    A missing parent is no error: `replacing_folder` makes it.

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
    """Whether its contract.json is one of ours: others have files of that name too."""
    try:
        content = json.loads((folder / CONTRACT_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"library_version", "pixels"} <= content.keys()


def check_paths(model: Path, out: Path, overwrite: bool) -> None:
    """Refuses the paths of an export while that is cheap: TensorFlow is not loaded.

    Raises: InputError as `model_file` and `check_output`.
    """
    file = model_file(model)
    check_output(out, overwrite)
    if out.resolve() in file.resolve().parents:  # it would go with the earlier export
        raise InputError(f"the model lies in the folder that is replaced: {file}")


@contextlib.contextmanager
def replacing_folder(out: Path, overwrite: bool = False):
    """Gives a temporary folder beside `out`; renames it into place on a clean exit.

    An earlier export is moved aside first and deleted last, so that at every moment
    one of the two is whole on the disk. Missing parents of `out` are made, and removed
    again if the exit is not clean.

    Raises: InputError as `check_output`.
    """
    check_output(out, overwrite)
    with _parents_of(out), _temporary_beside(out) as temporary:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        os.chmod(temporary, 0o755)
        check_output(out, overwrite)
        _swap(temporary, out)


@contextlib.contextmanager
def _parents_of(out):
    missing = [folder for folder in out.absolute().parents if not folder.exists()]
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):  # someone else has put a file there
                folder.rmdir()
        raise


@contextlib.contextmanager
def _temporary_beside(out):
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.making-", dir=out.parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary, out):
    if not out.exists():
        os.rename(temporary, out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
    os.rename(out, aside / out.name)
    try:
        os.rename(temporary, out)
    except OSError:
        os.rename(aside / out.name, out)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
