"""Renames that the system does in one step: without replacing, and exchanging."""

import ctypes
import errno
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD: paths are relative to the working directory
_NO_REPLACE, _EXCHANGE = 1, 2
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def rename_new(source: Path, target: Path) -> None:
    """Renames a file to a path where nothing is.

    Raises: FileExistsError if something is there; OSError as `os.rename`.
    """
    if _renameat2(source, target, _NO_REPLACE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)


def exchange(one: Path, other: Path) -> bool:
    """Exchanges two files or folders; at every moment both paths have one of them.

    Returns: False if the system or the file system cannot do that.
    Raises: OSError as `os.rename`.
    """
    return _renameat2(one, other, _EXCHANGE)


def _renameat2(source, target, flags):
    """Linux' renameat2; False where there is none."""
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    sys.audit("os.rename", str(source), str(target), -1, -1)
    if call(_HERE, os.fsencode(source), _HERE, os.fsencode(target), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))
