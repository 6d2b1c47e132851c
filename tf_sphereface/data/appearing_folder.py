"""A folder that is there when all of it is written, and not before."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tf_sphereface.errors import InputError
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
                out.rmdir()
            os.rename(folder, out)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def refuse_full(out: Path) -> None:
    """Raises: InputError unless `out` can be made or is an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out must be new or empty: {out}")
