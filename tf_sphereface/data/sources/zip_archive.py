"""Photos in a .zip archive, read in place."""

import lzma
import struct
import zipfile
import zlib
from pathlib import Path

from tf_sphereface.data.photos.images import LARGEST_PHOTO
from tf_sphereface.data.sources.archive_names import photo_members
from tf_sphereface.data.sources.photo_source import Photo, checked_names
from tf_sphereface.errors import InputError

_ENCRYPTED = 0x1
_METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
)
# What zipfile says of damaged archives, whichever part it meets first.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)


class ZipSource:
    """IDENTITY/PHOTO below any folders that all photos share.

    Args:
        path: The archive.
        subfolders: As for `sort_files`.

    Raises: InputError if the archive is damaged, encrypted or packed by a method that
        Python does not have, or if its names cannot be used.
    """

    aligned = False

    def __init__(self, path: Path, subfolders: bool = False):
        self.path = path
        with _open(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
        infos = {}
        for info in members:
            if info.filename in infos:
                raise InputError(f"{path} has two members named {info.filename!r}")
            infos[info.filename] = info
        places, self.passed_over = photo_members(infos, path, subfolders)
        self._infos = {name: infos[member] for name, member in places.items()}
        for info in self._infos.values():
            _refuse_unreadable(info, path)
        self.names = checked_names(places, path)

    def photo(self, name: str) -> Photo:
        info = self._infos[name]
        return Photo(name, info.filename, info.file_size, info.CRC)

    def reader(self) -> "ZipReader":
        return ZipReader(self.path)


class ZipReader:
    """Reads members; a place is a member's name. Opens the archive on first use."""

    def __init__(self, path: Path):
        self._path = path
        self._archive = None

    def __getstate__(self):
        return {"_path": self._path, "_archive": None}

    def read(self, place: str) -> bytes:
        if self._archive is None:
            self._archive = _open(self._path)
        try:
            info = self._archive.getinfo(place)
            with self._archive.open(info) as member:
                content = member.read(LARGEST_PHOTO + 1)
        except _DAMAGE as error:
            raise InputError(
                f"damaged archive: {self._path}, member {place!r} ({error})"
            ) from error
        if len(content) > LARGEST_PHOTO:
            raise InputError(f"too large a file: {place!r} in {self._path}")
        if len(content) != info.file_size:
            raise InputError(
                f"damaged archive: {self._path}, member {place!r} at byte "
                f"{info.header_offset} is cut short"
            )
        return content


def _open(path):
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE as error:
        size = path.stat().st_size
        raise InputError(
            f"not a whole zip archive: {path} of {size} bytes ({error})"
        ) from error


def _refuse_unreadable(info, path):
    if info.flag_bits & _ENCRYPTED:
        raise InputError(
            f"the archive is encrypted: {path}; unpack it with its password and "
            "align the folder"
        )
    if info.compress_type not in _METHODS:
        raise InputError(
            f"{info.filename!r} in {path} is packed by method {info.compress_type}, "
            "which cannot be read; pack the photos again with an ordinary zip"
        )
