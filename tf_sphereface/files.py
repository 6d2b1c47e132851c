"""Files that exist either whole or not at all, even after kill -9.

Whatever is not finished has a random hidden name and is locked by the process that
writes it: a file of that name without a lock was left by a process that was killed.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tf_sphereface.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_CLUTTER = frozenset({".ds_store", "desktop.ini", "ehthumbs.db", "thumbs.db"})
_TORN = re.compile(r"\.sphereface\.[0-9a-f]{16}\.tmp.*", re.DOTALL)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LONGEST_KEPT = 50  # characters of a name in another name; file systems take 255 bytes


def user_cache() -> Path:
    """Folder of what can be made again ($XDG_CACHE_HOME or ~/.cache); may not exist."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tf_sphereface"


def is_clutter(name: str) -> bool:
    """True for files that systems lay down wherever a user has looked."""
    return name.lower() in _CLUTTER or name.startswith("._")


def entries(folder: Path) -> list[Path]:
    """Files and folders in a folder, sorted, without the clutter of systems."""
    return sorted(path for path in folder.iterdir() if not is_clutter(path.name))


def is_vacant(out: Path) -> bool:
    """True if a folder can be made at a path, or is there with nothing in it."""
    return not out.exists() or (out.is_dir() and not entries(out))


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it into place.

    What killed processes left in the folder is removed first. A link at `path` is
    replaced, not followed.

    Args:
        path: The file to be, in a folder that exists.
        content: Of the file.
        private: Whether it holds faces or embeddings: nobody else may read it then.

    Raises: OSError if the folder is missing or not writable; `path` is then unchanged.
    """
    path = Path(path)
    remove_torn_files(path.parent)
    _write(path, content, private, synced=True)
    sync(path.parent)


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Gives a temporary path beside `path`; renames it into place on a clean exit.

    For content that a library writes by itself, such as a shard or a model: the file is
    there, empty, and its suffix is that of `path`, since libraries choose the format by
    it. All else is as in `write_atomically`.
    """
    path = Path(path)
    # Libraries may lock the file, or put another in its place: the folder is locked.
    with scratch_folder(path.parent) as folder:
        temporary = folder / f"x{suffix_of(path)}"
        os.close(_create(temporary, private))
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)


def write_inside(
    root: Path, name: str, content: bytes, *, private: bool = False, synced: bool = True
) -> None:
    """Writes ROOT/FOLDER/FILE, one of very many; whole or not there.

    Unlike `write_atomically` it neither removes torn files nor syncs the folder, which
    the caller does once for all, and does not follow a link at ROOT/FOLDER.

    Args:
        root: The folder above, which may be a link.
        name: "FOLDER/FILE"; the folder exists.
        content: Of the file.
        private: As for `replacing`.
        synced: Whether the file must outlast a loss of power.

    Raises: InputError for a link in the folder's place; OSError if it cannot be
        written.
    """
    path = root / name
    with folder_inside(path.parent):
        _write(path, content, private, synced)


def _write(path, content, private, synced):
    while True:
        temporary = path.with_name(_torn_name(suffix_of(path)))
        descriptor = _create(temporary, private)
        # As in `scratch_folder`, another process may be quicker than the lock.
        if hold(descriptor) is None or os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)
    try:
        with open(descriptor, "wb", closefd=fcntl is None) as file:
            file.write(content)
            file.flush()
            if synced:
                os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        if fcntl is not None:  # Windows renames no open file
            os.close(descriptor)


def _create(path, private):
    """A new file, open for writing; links are not followed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
    return os.open(path, flags, 0o600 if private else 0o666)


def suffix_of(path: Path) -> str:
    """The end of a name, for a temporary one: libraries choose the format by it."""
    # Not the whole name: it may be as long as the file system allows.
    return "".join(path.suffixes[-2:])[-24:]


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None, mode: int = 0o700) -> Iterator[Path]:
    """Gives an empty folder, which is removed on exit unless it was renamed.

    What killed processes left there is removed first.

    Args:
        parent: Where it is made; None is the system's folder for such.
        mode: Of the folder, less the umask.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    remove_torn_files(parent)
    while True:
        folder = parent / _torn_name("")
        os.mkdir(folder, mode)
        # Before it is locked, another process may take it for a torn one.
        with contextlib.suppress(FileNotFoundError):
            held = open_folder(folder)
            if hold(held) is None or folder.exists():
                break
            os.close(held)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def remove_torn_files(folder: Path) -> None:
    """Removes files and folders that processes had not finished when they were killed.

    Those that living processes write are left; so is everything where the file system
    has no locks.
    """
    try:
        with os.scandir(folder) as found:
            torn = [entry.path for entry in found if _TORN.fullmatch(entry.name)]
    except OSError:
        return  # the writer says it better
    for path in torn:
        with contextlib.suppress(OSError):  # another process', or gone meanwhile
            _remove_dead(path)


def _remove_dead(path):
    flags = _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
    try:
        held = os.open(path, os.O_RDWR | flags)
    except IsADirectoryError:
        held = os.open(path, os.O_RDONLY | flags)
    try:
        if not hold(held):
            return
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(held)


def _torn_name(suffix):
    return f".sphereface.{secrets.token_hex(8)}.tmp{suffix}"


def hidden_beside(path: Path, purpose: str) -> Path:
    """The hidden path beside a file or folder that belongs to it for a purpose."""
    return path.with_name(f".{path.name[:_LONGEST_KEPT]}.{purpose}")


def open_folder(folder: Path) -> int | None:
    """A descriptor of a folder; None on Windows, which has none.

    Raises: OSError if there is no folder, or a link in its place.
    """
    if fcntl is None:
        return None
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW)


@contextlib.contextmanager
def folder_inside(folder: Path) -> Iterator[int | None]:
    """Gives the descriptor of a folder in a folder from elsewhere, as `open_folder`.

    Raises: InputError for a link, which may lead anywhere, before anything is written
        or removed there; FileNotFoundError if there is no folder.
    """
    try:
        descriptor = open_folder(folder)
    except NotADirectoryError as error:
        raise InputError(
            f"not a folder, or a link to one: {folder}; nothing is written there"
        ) from error
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def hold(descriptor: int | None) -> bool | None:
    """Locks an open file or folder until it is closed, by kill -9 too.

    Returns: False if another process has it; None if the system has no such locks.
    """
    if fcntl is None or descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # folders on NFS, say
        return None
    return True


def sync(path: Path) -> None:
    """Makes a file, or the names in a folder, outlast a loss of power."""
    is_folder = os.path.isdir(path)
    if is_folder and (fcntl is None or not os.access(path, os.R_OK)):
        return  # no descriptor of it is to be had
    descriptor = os.open(path, os.O_RDONLY if fcntl else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
