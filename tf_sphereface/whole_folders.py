"""Folders that exist either whole or not at all, even after kill -9."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import (
    hidden_beside,
    hold,
    is_clutter,
    is_vacant,
    open_folder,
    replacing,
    scratch_folder,
    sync,
)
from tf_sphereface.folder_lock import busy, only_process
from tf_sphereface.renames import exchange

_TRIES = 100  # with another process that makes and removes the same folder
_WAIT = 60  # seconds; files are written together in far less


@contextlib.contextmanager
def changing(
    out: Path, check: Callable[[], None] = lambda: None, *, private: bool = False
) -> Iterator[Path]:
    """Gives an empty folder beside `out`, which becomes `out` on a clean exit.

    An earlier folder gives way in one step where the system can exchange folders, and
    otherwise in two, of which the next call undoes the first if the process is killed
    in between. No other process may change `out` meanwhile. Missing parents of `out`
    are made, and removed again if the exit is not clean. Links are followed at once.

    Args:
        out: The folder to be.
        check: Raises an error if `out` must not be replaced; called before any work,
            and again before the exchange.
        private: Whether it holds faces: nobody else may open it then.

    Raises: InputError if `out` can be no folder, or another process writes to it.
    """
    check()
    out = Path(os.path.realpath(out))
    if out == out.parent or os.path.ismount(out):
        raise InputError(
            "a folder to be made must have a name, and no disk may be mounted there. "
            f"Received: {out}"
        )
    here = Path.cwd()
    if out == here or out in here.parents:
        raise InputError(
            f"{out} is the current folder or above it: this shell would go on in the "
            "one that was there before, and not see the new files; give another name"
        )
    with _parents_of(out), _Place(out, 0o700 if private else 0o777) as place:
        place.restore()
        check()
        yield place.making
        _sync_all(place.making)
        check()
        place.put()


def appearing(out: Path, *, private: bool = False):
    """`changing` for a folder that must be new or empty.

    Raises: InputError as `changing`, or if something is in the folder.
    """
    return changing(out, lambda: refuse_full(out), private=private)


def refuse_full(out: Path) -> None:
    """Raises: InputError unless `out` can be made or is an empty folder."""
    if not is_vacant(out):
        raise InputError(f"--out must be new or empty: {out}")


def link_all(source: Path, target: Path) -> None:
    """Fills an empty folder with the files of another, as hard links if possible.

    They are to be replaced, not written into.
    """
    shutil.copytree(
        source,
        target,
        symlinks=True,
        copy_function=_link_or_copy,
        dirs_exist_ok=True,
    )


def make_once(folder: Path, names: Iterable[str], make: Callable[[Path], None]) -> None:
    """Fills a folder that any number of processes may be making at once.

    Args:
        folder: Unchanged if its files are there and not empty; all processes would
            write the same into it.
        names: Of its files.
        make: Called with a temporary folder to write them into.
    """
    paths = [folder / name for name in names]
    if all(path.is_file() and path.stat().st_size for path in paths):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent, 0o777) as temporary:
        make(temporary)
        _sync_all(temporary)
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was first, whose files are as good as ours; or a program
            # that tidies caches has removed files, but not the folder.
            if not folder.is_dir():
                raise
            for path in paths:
                os.replace(temporary / path.name, path)


def check_folder(option: str, out: Path) -> None:
    """Refuses, before any work, a folder that `write_together` could not write to.

    Raises: InputError if a file is in its place or above it, or it is not writable.
    """
    out = Path(os.path.realpath(out))
    above = next(folder for folder in (out, *out.parents) if folder.exists())
    if not above.is_dir():
        raise InputError(f"{option} must be a folder. Received: {out}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{option} must be a folder to write to. Received: {out}")


def write_together(
    folder: Path, contents: Mapping[str, bytes], *, private: bool = False
) -> None:
    """Writes files that belong together into a folder; each is whole or unchanged.

    All are on the disk before the first is renamed into place, which is the last named;
    a process that is killed between two renames leaves files of two runs. What is read
    together should say of which run it is.

    Args:
        folder: Made if it is missing; may hold other files.
        contents: By file name.
        private: As for `files.replacing`.

    Raises: InputError if another process writes to the folder for long; OSError if it
        is not writable.
    """
    folder = Path(os.path.realpath(folder))
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".sphereface.lock"
    with only_process(lock, folder, _WAIT), contextlib.ExitStack() as stack:
        for name, content in contents.items():
            path = replacing(folder / name, private=private)
            stack.enter_context(path).write_bytes(content)


class _Place:
    """The folder in the making beside `out`, locked; the lock goes with the process.

    A folder of that name without a lock was left by a process that was killed.
    """

    def __init__(self, out, mode):
        self._out, self._mode = out, mode
        self.making = hidden_beside(out, "making")
        self._old = hidden_beside(out, "old")
        self._held = []

    def __enter__(self):
        for _ in range(_TRIES):
            if self._claim():
                self._left = os.lstat(self.making)
                return self
        raise busy(self._out)

    def __exit__(self, *_):
        # Of that name there may be another process' folder by now.
        with contextlib.suppress(OSError):
            if os.path.samestat(self._left, os.lstat(self.making)):
                shutil.rmtree(self.making, ignore_errors=True)
        self._release()

    def _claim(self):
        """True if the folder is made and locked; False to try again."""
        made = False
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.making, self._mode)
            made = True
        try:
            held = open_folder(self.making)
        except FileNotFoundError:
            return False
        except NotADirectoryError as error:
            raise InputError(f"a file or link is in the way: {self.making}") from error
        if held is not None:
            self._held.append(held)
        state = hold(held)
        if made and state is None:
            return True
        if state is None:
            self._release()
            raise InputError(
                f"another process is writing to {self._out}, or was killed: if so, "
                f"remove {self.making}"
            )
        if state and os.path.samestat(os.fstat(held), os.lstat(self.making)):
            if made:
                return True
            shutil.rmtree(self.making)
        self._release()
        if not (made or state):
            raise busy(self._out)
        time.sleep(0.01)
        return False

    def _release(self):
        while self._held:
            os.close(self._held.pop())

    def restore(self):
        """Undoes the first half of an exchange in two steps."""
        if not self._old.exists():
            return
        if self._out.exists():
            shutil.rmtree(self._old)
        else:
            os.rename(self._old, self._out)

    def put(self):
        """Renames the folder into place."""
        out = self._out
        if out.exists() and is_vacant(out):
            for path in filter(lambda path: is_clutter(path.name), out.iterdir()):
                path.unlink()
            out.rmdir()
        if not out.exists():
            os.rename(self.making, out)
            sync(out.parent)
            return
        # The earlier folder will have the name of the one in the making.
        earlier, status = open_folder(out), os.lstat(out)
        if earlier is not None:
            self._held.append(earlier)
        if hold(earlier) is False:
            raise busy(out)
        if exchange(self.making, out):
            self._left = status
        else:
            os.rename(out, self._old)
            try:
                os.rename(self.making, out)
            finally:
                self.restore()
        sync(out.parent)


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


def _sync_all(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                sync(path)
        sync(parent)


def _link_or_copy(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target, follow_symlinks=False)
