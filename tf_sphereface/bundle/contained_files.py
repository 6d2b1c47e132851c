"""Files of a folder from elsewhere, read without trust in what lies there."""

import hashlib
import os
import stat
from pathlib import Path

from tf_sphereface.bundle.records import FileRecord
from tf_sphereface.errors import InputError

# A pipe without a writer would hold a plain `open` for ever. Windows lacks most flags.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


def read_contained(folder: Path, file: str, most: int) -> bytes:
    """Content of a regular file in a folder.

    Args:
        folder: The folder; it may be a link itself.
        file: Name relative to it, with "/"; no part of it may be a link.
        most: Greatest size, bytes. Not more than the file's own size is taken up.

    Raises: InputError if the file is missing, no regular one, or larger.
    """
    path = folder / file
    for part in (*reversed(path.parents[: file.count("/")]), path):
        _require_kind(part, part == path)
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror})") from error
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # exchanged since it was looked at
            raise InputError(f"no regular file: {path}")
        content = stream.read(min(status.st_size, most) + 1)
    if len(content) > min(status.st_size, most):
        raise InputError(f"{path} has more than the {most} bytes that it may have")
    return content


def _require_kind(path, last):
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"the bundle lacks a file: {path}") from error
    except OSError as error:  # too long a name, no permission
        raise InputError(f"cannot read {path} ({error.strerror})") from error
    if not (stat.S_ISREG(mode) if last else stat.S_ISDIR(mode)):
        kind = "a link" if stat.S_ISLNK(mode) else "no regular file"
        raise InputError(f"a bundle holds regular files only, {path} is {kind}")


def read_recorded(folder: Path, record: FileRecord) -> bytes:
    """Content of a file, the very bytes whose size and SHA-256 were compared.

    Raises: InputError if it is not the recorded file.
    """
    content = read_contained(folder, record.file, record.bytes)
    for what, found, expected in (
        ("size", len(content), record.bytes),
        ("checksum", hashlib.sha256(content).hexdigest(), record.sha256),
    ):
        if found != expected:
            raise InputError(
                f"damaged bundle: {folder / record.file} is not the file that was "
                f"exported (its {what} differs)"
            )
    return content
