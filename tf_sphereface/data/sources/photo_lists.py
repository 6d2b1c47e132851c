"""A text file that lists photos: `PATH [IDENTITY]` in each line."""

import re
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES, PassedOver
from tf_sphereface.data.sources.files_reader import FileReader, file_photo
from tf_sphereface.data.sources.photo_source import Photo, checked_names
from tf_sphereface.errors import InputError
from tf_sphereface.text_lists import csv_fields, numbered_lines

_HEADERS = frozenset({"file", "image", "path", "photo"})
_SUFFIX = "|".join(re.escape(suffix) for suffix in sorted(PHOTO_SUFFIXES))
# Paths and names may hold spaces; the photo's suffix ends the path.
_SPACED = re.compile(rf"(.*?(?:{_SUFFIX}))(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)


class ListSource:
    """The photos of a list file, each named IDENTITY/FILE.

    A line is a path and the person's name, separated by a comma (.csv), a tab or
    spaces. Without a name, the photo's folder is the person. Blank lines and lines
    that start with "#" do not count, nor does a first line that names the columns.

    Args:
        path: The list; UTF-8.
        root: Folder that relative paths start from; None is the list's own.

    Raises: InputError with the line number if a line cannot be read, or if a photo or
        a name occurs twice. A photo that is missing is no error: it gets no crop.
    """

    aligned = False
    passed_over = PassedOver()

    def __init__(self, path: Path, root: Path | None = None):
        self.path = path
        self._root = (path.parent if root is None else root).absolute()
        if not self._root.is_dir():
            raise InputError(f"no such folder: {root}")
        self._places = _read(path)
        self.names = checked_names(self._places, path)

    def photo(self, name: str) -> Photo:
        return file_photo(self._root, name, self._places[name])

    def reader(self) -> FileReader:
        return FileReader(self._root)


def _read(path):
    places, lines, first = {}, {}, True
    for number, text in _lines(path):
        try:
            fields = _fields(text, path.suffix.lower())
            if first and fields[0].lower() in _HEADERS:
                first = False
                continue
            first = False
            place, identity = _check(fields)
            if place in lines:
                raise InputError(f"{place!r} is in line {lines[place]} too")
            name = f"{identity}/{PurePosixPath(place).name}"
            if name in places:
                raise InputError(
                    f"two photos would have the name {name!r}: this and "
                    f"{places[name]!r}; rename one, or give them two identities"
                )
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
        places[name], lines[place] = place, number
    if not places:
        raise InputError(f"no photo in the list {path}")
    return places


def _lines(path):
    for number, line in numbered_lines(path, "photos"):
        line = line.strip()
        if not line.startswith("#"):
            yield number, line


def _fields(line, suffix):
    if suffix == ".csv":
        return csv_fields(line)
    if "\t" in line or suffix == ".tsv":
        fields = line.split("\t")
    else:
        found = _SPACED.fullmatch(line)
        fields = [field for field in found.groups() if field] if found else [line]
    return [field.strip() for field in fields]


def _check(fields):
    if len(fields) not in (1, 2):
        raise InputError(f"must be `PATH [IDENTITY]`. Received: {len(fields)} fields")
    place = fields[0]
    if PurePosixPath(place).suffix.lower() not in PHOTO_SUFFIXES:
        raise InputError(
            f"a path must end in one of {' '.join(sorted(PHOTO_SUFFIXES))}. "
            f"Received: {place[:200]!r}"
        )
    if "\\" in place:
        raise InputError(f"write / for \\ in a path. Received: {place[:200]!r}")
    if not place.isprintable():
        raise InputError(f"a path must not hold control characters: {place[:200]!r}")
    identity = fields[1] if len(fields) == 2 else ""
    identity = identity or PurePosixPath(place).parent.name
    if not identity or identity in (".", "..") or set("/\\") & set(identity):
        raise InputError(
            "an identity must be a name without slashes; without one, the photo must "
            f"lie in a folder. Received: {identity!r}"
        )
    return place, identity
