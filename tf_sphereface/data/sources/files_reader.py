"""Readers of photos that are files of their own, or spans of one large file."""

import dataclasses
import stat
from pathlib import Path

from tf_sphereface.data.photos.images import read_photo_file
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class FileReader:
    """Reads files; a place is a path relative to `root`, or an absolute one."""

    root: Path

    def read(self, place: str) -> bytes:
        path = self.root / place
        if not path.is_file():  # reading a pipe would wait for ever
            raise FileNotFoundError(path)
        return read_photo_file(path)


@dataclasses.dataclass(frozen=True)
class SpanReader:
    """Reads spans of one file; a place is (offset, bytes)."""

    path: Path

    def read(self, place: tuple[int, int]) -> bytes:
        offset, length = place
        with open(self.path, "rb") as file:
            file.seek(offset)
            content = file.read(length)
        if len(content) != length:
            raise InputError(
                f"truncated file: {self.path} ends at byte {offset + len(content)}, "
                f"inside the photo at {offset}"
            )
        return content


def file_photo(root: Path, name: str, place: str) -> Photo:
    """The photo of a file; of 0 bytes if there is no such file."""
    try:
        status = (root / place).stat()
    except OSError:
        return Photo(name, place, 0, 0)
    if not stat.S_ISREG(status.st_mode):
        return Photo(name, place, 0, 0)
    return Photo(name, place, status.st_size, status.st_mtime_ns)
