"""InsightFace's training sets: train.rec with train.idx, read without mxnet.

Record 0 has labels and no image: the first is the number after the last image. What
follows there are records of the identities, which have no image either. Sets without
such a record 0 are images only.
"""

import array
import dataclasses
import math
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES, PassedOver
from tf_sphereface.data.sources.photo_source import Photo, checked_names
from tf_sphereface.data.sources.recordio import read_head, read_image
from tf_sphereface.errors import InputError


class InsightFaceSource:
    """The aligned faces of a .rec file.

    People are named `id_0000012` by their label and faces by their number, or as in
    train.lst (`1 PATH LABEL` a line) where that lies beside the records.

    Raises: InputError that names the file and the offset or line that is damaged.
    """

    aligned = True
    passed_over = PassedOver()

    def __init__(self, path: Path):
        self.path = path
        offsets = _read_index(path.with_suffix(".idx"), path)
        labels, lengths = _read_labels(path, offsets)
        listed = path.with_suffix(".lst")
        if listed.is_file():
            named = _names_of_list(listed, labels)
        else:
            named = [f"id_{label:07d}/{key:08d}.jpg" for key, label in labels.items()]
        self.names = checked_names(named, path)
        numbers = dict(zip(named, labels, strict=True))
        self._rows = {name: row for row, name in enumerate(self.names)}
        # Sets have millions of images: 8 bytes for each number, not an object.
        keys = [numbers[name] for name in self.names]
        self._offsets = array.array("q", (offsets[key] for key in keys))
        self._lengths = array.array("q", (lengths[key] for key in keys))

    def photo(self, name: str) -> Photo:
        row = self._rows[name]
        offset = self._offsets[row]
        return Photo(name, offset, self._lengths[row], offset)

    def reader(self) -> "RecordReader":
        return RecordReader(self.path)


@dataclasses.dataclass(frozen=True)
class RecordReader:
    """Reads images of a .rec file; a place is the record's offset."""

    path: Path

    def read(self, place: int) -> bytes:
        return read_image(self.path, place)


def _read_index(path, records):
    """Offset of each record by its number."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as error:
        raise InputError(f"no such index of {records.name}: {path}") from error
    offsets = {}
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not all(_is_count(field) for field in fields):
            raise InputError(
                f"damaged index: {path} line {number} must be a record's number and "
                f"offset. Received: {line[:80]!r}"
            )
        key, offset = map(int, fields)
        if key in offsets:
            raise InputError(f"damaged index: {path} line {number}: {key} occurs twice")
        offsets[key] = offset
    if not offsets:
        raise InputError(f"damaged index: {path} is empty")
    return offsets


def _is_count(field):
    return field.isdigit() and len(field) <= 18


def _read_labels(path, offsets):
    """Labels and lengths of the images by number, in the order of the numbers."""
    labels, lengths = {}, {}
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        first = min(offsets)
        head = read_head(file, offsets[first], size, path)
        end = math.inf
        if head.bytes == head.image_start and head.flag:  # or it is an image
            end = head.labels[0]
        for key in sorted(key for key in offsets if first <= key < end):
            head = read_head(file, offsets[key], size, path)
            # The end is a float32, rounded in large sets: identities may follow.
            if head.bytes != head.image_start:
                labels[key] = _label(head.labels[0], offsets[key], path)
                lengths[key] = head.bytes
    if not labels:
        raise InputError(f"no image in {path}: images end before number {end:g}")
    return labels, lengths


def _label(value, offset, path):
    if not (math.isfinite(value) and value == int(value) and 0 <= value < 1e9):
        raise InputError(
            f"damaged records: {path}, byte {offset}: a label must be a whole number. "
            f"Received: {value}"
        )
    return int(value)


def _names_of_list(path, labels):
    """Names from the list that the records were made of; it has a line an image."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {path} (byte {error.start})") from error
    lines = [line.rstrip("\r").split("\t") for line in lines if line.strip()]
    hint = f"{path} is not the list of these records; rename it to do without"
    if len(lines) != len(labels):
        raise InputError(f"{hint} ({len(lines)} lines, {len(labels)} images)")
    names = []
    for fields, label in zip(lines, labels.values(), strict=True):
        place = PurePosixPath(fields[1].replace("\\", "/")) if len(fields) > 2 else None
        if place is None or fields[2].strip() not in (str(label), f"{label}.0"):
            raise InputError(f"{hint} (line {len(names) + 1}, label {label})")
        if place.suffix.lower() not in PHOTO_SUFFIXES:
            raise InputError(f"{hint} (line {len(names) + 1}: {place.name[:80]!r})")
        names.append(f"{place.parent.name}/{place.name}")
    return names
