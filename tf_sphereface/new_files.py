"""New files of a command: all of them, or none, even after kill -9."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import hidden_beside, hold, sha256_of, suffix_of, sync
from tf_sphereface.folder_lock import busy
from tf_sphereface.renames import rename_new

_PART = re.compile(r"\.sphereface\.[0-9a-f]{16}\.part.*", re.DOTALL)
_TRIES = 100  # with another process that makes and removes the same journal


@contextlib.contextmanager
def new_files(wanted: Mapping[str, Path | None]) -> Iterator[dict[str, Path]]:
    """Gives a path to write each file to; renames all into place on a clean exit.

    A journal beside the first file says what is being written, and is removed last.
    The next call finds that of a process that was killed, and removes what it wrote and
    nobody has changed since: the work has to be done again, and can be.

    Args:
        wanted: By option, such as "--out"; the first is there. None: not asked for.

    Raises: InputError, before any work, if something is there already, a folder is
        missing, or another process writes the first file.
    """
    paths = {option: Path(path) for option, path in wanted.items() if path is not None}
    _check_places(paths)
    with _Journal(next(iter(paths.values()))) as journal:
        journal.roll_back(paths.values())
        for option, path in paths.items():
            # A list that someone has reviewed must not be lost.
            if os.path.lexists(path):
                raise InputError(f"{option} must be new: {path}")
        parts = {path: _part_of(path) for path in paths.values()}
        placed = []
        try:
            journal.write({path: (part, None) for path, part in parts.items()})
            yield {option: parts[path] for option, path in paths.items()}
            for part in parts.values():
                sync(part)
            journal.write({p: (part, sha256_of(part)) for p, part in parts.items()})
            for option, path in paths.items():
                _put(parts[path], option, path)
                placed.append(path)
        except BaseException:
            for path in (*placed, *parts.values()):
                path.unlink(missing_ok=True)
            raise


def _check_places(paths):
    places = set()
    for path in paths.values():
        if not path.parent.is_dir():
            raise InputError(f"no such folder: {path.parent}")
        place = Path(os.path.realpath(path.parent), path.name)
        if place in places:
            raise InputError(
                f"{' and '.join(paths)} must be two files. Received: {path}"
            )
        places.add(place)


def _key(path):
    """A path in the journal, which must tell nobody who works where."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()


def _part_of(path):
    name = f".sphereface.{secrets.token_hex(8)}.part{suffix_of(path)}"
    return path.with_name(name)


def _put(part, option, path):
    try:
        rename_new(part, path)
    except FileExistsError as error:
        raise InputError(f"{option} must be new: {path}") from error
    sync(path.parent)


class _Journal:
    """A locked file that names the files in the making and, then, their checksums."""

    def __init__(self, first):
        self._first, self._path = first, hidden_beside(first, "parts")

    def __enter__(self):
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        for _ in range(_TRIES):
            descriptor = os.open(self._path, flags, 0o600)
            if hold(descriptor) is False:
                os.close(descriptor)
                raise busy(self._first)
            status = os.fstat(descriptor)
            if status.st_nlink == 1 and stat.S_ISREG(status.st_mode):
                self._file = os.fdopen(descriptor, "r+", encoding="utf-8")
                return self
            os.close(descriptor)
            if status.st_nlink:  # else of a process that has just finished
                raise InputError(f"a file is in the way: {self._path}")
        raise busy(self._first)

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._file.close()

    def write(self, parts):
        """Says what is being written: (part, SHA-256 or None) by path."""
        entries = {
            _key(path): {"part": part.name, "sha256": digest}
            for path, (part, digest) in parts.items()
        }
        self._file.seek(0)
        self._file.truncate()
        json.dump(entries, self._file)
        self._file.flush()
        os.fsync(self._file.fileno())

    def roll_back(self, paths):
        """Removes what the journal of a killed process says of these paths."""
        try:
            entries = json.load(self._file)
            known = {path: entries.get(_key(path)) for path in paths}
            found = {
                path: (str(entry["part"]), entry["sha256"])
                for path, entry in known.items()
                if entry
            }
        except (ValueError, AttributeError, KeyError, TypeError):
            return  # new and empty, or torn before anything was renamed
        for path, (part, digest) in found.items():
            if _PART.fullmatch(part) and "/" not in part:
                path.with_name(part).unlink(missing_ok=True)
            ours = path.is_file() and not path.is_symlink()
            if ours and digest == sha256_of(path):
                path.unlink()
