"""One process at a time in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from tf_sphereface.errors import InputError


@contextlib.contextmanager
def only_process(lock: Path, folder: Path, seconds: float = 0) -> Iterator[None]:
    """Keeps other processes out of a folder as long as the block lasts.

    The system lets go of the lock when the process ends, by kill -9 too; the lock's
    file then stays and the next process takes it over. A clean exit removes it.

    Args:
        lock: Path of the lock's file; its folder exists.
        folder: What is locked, for the message.
        seconds: For how long it is waited for another process; 0: not at all.

    Raises: InputError if another process is at work in the folder; OSError if the file
        cannot be made.
    """
    holder = filelock.FileLock(lock, timeout=seconds)
    try:
        holder.acquire()
    except filelock.Timeout as error:
        raise busy(folder) from error
    try:
        yield
    finally:
        # While the lock is still held: a process that comes now makes a new file.
        with contextlib.suppress(OSError):
            lock.unlink()
        holder.release()


def busy(path: Path) -> InputError:
    """The error of a process that finds another one at work."""
    return InputError(
        f"another process is writing to {path}; wait until it has finished"
    )
