"""One process at a time in a folder, and nothing left behind by killed ones."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from tf_sphereface.errors import InputError


@contextlib.contextmanager
def only_process(lock: Path, folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder as long as the block lasts.

    The system lets go of the lock when the process ends, by kill -9 too; the lock's
    file then stays and the next process takes it over. A clean exit removes it.

    Args:
        lock: Path of the lock's file; its folder exists.
        folder: What is locked, for the message.

    Raises: InputError at once if another process is at work in the folder; OSError if
        the file cannot be made.
    """
    holder = filelock.FileLock(lock, timeout=0)
    try:
        holder.acquire()
    except filelock.Timeout as error:
        raise InputError(
            f"another process is writing to {folder}; wait until it has finished"
        ) from error
    try:
        yield
    finally:
        # While the lock is still held: a process that comes now makes a new file.
        with contextlib.suppress(OSError):
            lock.unlink()
        holder.release()


def remove_torn_files(folder: Path) -> None:
    """Removes what `files.replacing` had not finished in runs that were killed.

    Folders with such a name too: those of pipelines.
    Only under the lock of the folder: the files could be another process' otherwise.
    """
    for torn in folder.glob(".*.tmp.*"):
        if torn.is_dir():
            shutil.rmtree(torn)
        else:
            torn.unlink(missing_ok=True)
