"""Photos in an uncompressed .tar archive, read in place."""

import math
import tarfile
from pathlib import Path

from tf_sphereface.data.photos.images import LARGEST_PHOTO
from tf_sphereface.data.sources.archive_names import photo_members
from tf_sphereface.data.sources.files_reader import SpanReader
from tf_sphereface.data.sources.photo_source import Photo, checked_names
from tf_sphereface.errors import InputError

# What tarfile says of sizes that cannot be, too: it seeks there, or reads so much.
_DAMAGE = (
    tarfile.TarError,
    ArithmeticError,
    EOFError,
    MemoryError,
    OSError,
    ValueError,
)
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"\x28\xb5": "zstd"}


class TarSource:
    """IDENTITY/PHOTO below any folders that all photos share.

    The headers are read once; after that a photo is a span of the file.

    Args:
        path: The archive.
        subfolders: As for `sort_files`.

    Raises: InputError if the archive is compressed or damaged, or if its names cannot
        be used.
    """

    aligned = False

    def __init__(self, path: Path, subfolders: bool = False):
        self.path = path
        members, links = _read_headers(path)
        places, self.passed_over = photo_members(members, path, subfolders)
        if links:
            self.passed_over.kinds["links"] = links
        self.names = checked_names(places, path)
        self._members = {name: members[member] for name, member in places.items()}
        for name, (_, size, _) in self._members.items():
            if size > LARGEST_PHOTO:
                raise InputError(f"too large a file: {name!r} in {path}")

    def photo(self, name: str) -> Photo:
        offset, size, modified = self._members[name]
        return Photo(name, (offset, size), size, int(modified * 1e9))

    def reader(self) -> SpanReader:
        return SpanReader(self.path)


def _read_headers(path):
    """(offset, bytes, seconds) of files by name, and the number of links."""
    with open(path, "rb") as file:
        packed = _COMPRESSED.get(file.read(2))
    if packed:
        raise InputError(
            f"{path} is compressed with {packed} and cannot be read in place; "
            "decompress it first"
        )
    members, special, length = {}, 0, path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # it would keep all that it has seen
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    special += 1
                    continue
                _check(member, members, path, length)
                place = member.offset_data, member.size, member.mtime
                members[member.name] = place
    except InputError:
        raise
    except _DAMAGE as error:
        reason = str(error) or "a header says to be larger than memory"
        raise InputError(f"not a whole tar archive: {path} ({reason})") from error
    return members, special


def _check(member, members, path, length):
    if member.size < 0 or not math.isfinite(member.mtime):
        raise InputError(
            f"damaged archive: {path}, size {member.size} and time {member.mtime} of "
            f"{member.name!r}"
        )
    if member.name in members:
        raise InputError(f"{path} has two members named {member.name!r}")
    if member.offset_data + member.size > length:
        raise InputError(
            f"truncated file: {path} ends at byte {length}, inside {member.name!r} at "
            f"{member.offset_data}"
        )
