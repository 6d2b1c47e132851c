"""Files that exist either whole or not at all, even after kill -9."""

import contextlib
import hashlib
import itertools
import os
from pathlib import Path

_COUNTER = itertools.count()
_CLUTTER = frozenset({".ds_store", "desktop.ini", "ehthumbs.db", "thumbs.db"})


def is_clutter(name: str) -> bool:
    """True for files that systems lay down wherever a user has looked."""
    return name.lower() in _CLUTTER or name.startswith("._")


def entries(folder: Path) -> list[Path]:
    """Files and folders in a folder, sorted, without the clutter of systems."""
    return sorted(path for path in folder.iterdir() if not is_clutter(path.name))


def is_vacant(out: Path) -> bool:
    """True if a folder can be made at a path, or is there with nothing in it."""
    return not out.exists() or (out.is_dir() and not entries(out))


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it into place.

    Raises: OSError if the folder is missing or not writable; `path` is then unchanged.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replacing(path: Path):
    """Gives a temporary path beside `path`; renames it into place on a clean exit.

    For content that a library writes by itself, such as a shard or a model. The suffix
    of `path` is kept, since libraries choose the format by it.
    """
    # Not the whole name: it may be as long as the file system allows.
    suffix = "".join(path.suffixes[-2:])[-24:]
    unique = f"{os.getpid()}.{next(_COUNTER)}"
    temporary = path.with_name(f".{unique}.tmp.x{suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
