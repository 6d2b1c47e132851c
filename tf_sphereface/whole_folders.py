"""Folders that exist either whole or not at all, even after kill -9."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import is_clutter, is_vacant
from tf_sphereface.folder_lock import only_process


@contextlib.contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `out`, which becomes `out` on a clean exit.

    It has one name, and a lock beside it: whoever has the lock may remove what a
    killed process has left there.

    Raises: InputError if `out` has no name or something in it, or if another process
        writes to it.
    """
    if out.name in ("", ".."):  # the lock and the temporary folder lie beside it
        raise InputError(
            f"--out must be the name of a folder that will be made. Received: {out}"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.parent / f".{out.name}.making"
    with only_process(out.parent / f".{out.name}.lock", out):
        refuse_full(out)  # by a process that had the lock before
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        try:
            yield folder
            if out.exists():
                _remove_vacant(out)
            os.rename(folder, out)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _remove_vacant(out):
    for path in out.iterdir():
        if is_clutter(path.name):
            path.unlink()
    out.rmdir()


def refuse_full(out: Path) -> None:
    """Raises: InputError unless `out` can be made or is an empty folder."""
    if not is_vacant(out):
        raise InputError(f"--out must be new or empty: {out}")


@contextlib.contextmanager
def replacing_folder(out: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Gives a temporary folder beside `out`; renames it into place on a clean exit.

    An earlier folder is moved aside first and deleted last, so that at every moment
    one of the two is whole on the disk. Missing parents of `out` are made, and removed
    again if the exit is not clean.

    Args:
        out: The folder to be.
        check: Raises an error if `out` must not be replaced; called before any work,
            and again before the exchange.
    """
    check()
    with _parents_of(out), _temporary_beside(out) as temporary:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        os.chmod(temporary, 0o755)
        check()
        _swap(temporary, out)


def make_once(folder: Path, make: Callable[[Path], None]) -> None:
    """Fills a folder that any number of processes may be making at once.

    Args:
        folder: Unchanged if it exists; all processes would write the same into it.
        make: Called with a temporary folder to write into.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _temporary_beside(folder) as temporary:
        make(temporary)
        os.chmod(temporary, 0o755)
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was first: its files are as good as ours.
            if not folder.is_dir():
                raise


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
