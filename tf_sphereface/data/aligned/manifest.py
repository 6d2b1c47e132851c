"""manifest.csv: a row for each photo of an aligned folder, kept or dropped."""

import csv
import dataclasses
import io
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_sphereface.data.aligned.settings import SETTINGS_NAME
from tf_sphereface.data.photos.names import check_name, identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing
from tf_sphereface.text_lists import spreadsheet_cell, text_of_cell

MANIFEST_NAME = "manifest.csv"
JOURNAL_NAME = "manifest.partial.csv"
KEPT, DROPPED = "kept", "dropped"
TEMPLATE = "template"  # of crops of the middle of a photo without a face

_POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
_BOX_FIELDS = ("x1", "y1", "x2", "y2")
LANDMARK_FIELDS = tuple(f"{point}_{axis}" for point in _POINTS for axis in "xy")


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """One photo of an aligned folder.

    Args:
        photo: "IDENTITY/FILE" in the source.
        identity: Name of the person's folder.
        status: "kept" or "dropped".
        reason: Why it was dropped; empty if it was kept.
        crop: "IDENTITY/FILE" of the crop; empty if there is none.
        faces: Number of faces found.
        score: The chosen face's score 0..1; NaN without a face.
        box: x1,y1,x2,y2 pixels in the photo; empty without a face.
        landmarks: Ten numbers, x,y pixels of the five points; empty without a face.
        landmark_confidence: Agreement of the opinions on the landmarks, 0..1; NaN if
            there was one.
        found_by: "first look", "second look" or "template"; empty if no face was looked
            for, in dropped rows, and in rows of older versions.
        chosen_by: "consistent" if the face is that which most photos of the person
            share, "centre" if the vote on it did not tell, "only" if it is the only
            one; empty without a vote.
        vote_margin: How much nearer the face is to the person's than the photo's next
            one, a difference of mean cosines; NaN if that was not asked.
        bytes: Size of the photo's file.
        modified_ns: Time of the file's last change, nanoseconds.
    """

    photo: str
    identity: str
    status: str
    reason: str = ""
    crop: str = ""
    faces: int = 0
    score: float = float("nan")
    box: tuple[float, ...] = ()
    landmarks: tuple[float, ...] = ()
    landmark_confidence: float = float("nan")
    found_by: str = ""
    chosen_by: str = ""
    vote_margin: float = float("nan")
    bytes: int = 0
    modified_ns: int = 0


_TEXTS = ("photo", "identity", "status", "reason", "crop")
_FIRST = (*_TEXTS, "faces", "score", *_BOX_FIELDS, *LANDMARK_FIELDS)
# `modified_ns` is last: a line torn by a crash cannot pass for a whole one, nor for one
# of an older version, where texts or fractions would be sizes.
_LAST = ("bytes", "modified_ns")
_LOOKS = ("landmark_confidence", "found_by", "chosen_by", "vote_margin")
_COLUMNS = (*_FIRST, *_LOOKS, *_LAST)
_EARLIER_COLUMNS = (*_FIRST, *_LAST)


def read_manifest_rows(folder: Path) -> dict[str, ManifestRow]:
    """The rows of an aligned folder by photo, with those of an interrupted run.

    Returns: Empty if there is no manifest.
    Raises: InputError if manifest.csv is damaged.
    """
    return {row.photo: row for row in iterate_manifest_rows(folder)}


def photos_of_crops(folder: Path) -> dict[str, str]:
    """The photo of each crop of an aligned folder, both "IDENTITY/FILE"."""
    rows = iterate_manifest_rows(folder)
    return {row.crop: row.photo for row in rows if row.crop}


def iterate_manifest_rows(folder: Path) -> Iterator[ManifestRow]:
    """The same rows one by one; of several rows of a photo the last one counts."""
    path, journal = folder / MANIFEST_NAME, folder / JOURNAL_NAME
    if path.exists():
        yield from _parse(path, strict=True)
    if journal.exists():
        yield from iterate_rows(journal)


def iterate_rows(path: Path) -> Iterator[ManifestRow]:
    """The rows of a file of lines by `row_to_line`; torn lines are passed over."""
    return _parse(path, strict=False)


def alignment_is_complete(folder: Path) -> bool:
    """False if a run of `align_photos` in this folder was interrupted."""
    if (folder / JOURNAL_NAME).exists():
        return False
    return (folder / MANIFEST_NAME).exists() or not (folder / SETTINGS_NAME).exists()


def write_manifest_rows(folder: Path, rows: dict[str, ManifestRow]) -> None:
    """Writes manifest.csv, sorted by photo, in one step; then drops the journal."""
    write_manifest_lines(folder, (row_to_line(rows[photo]) for photo in sorted(rows)))


def write_manifest_lines(folder: Path, lines: Iterable[str]) -> None:
    """Like `write_manifest_rows`, of lines by `row_to_line` in their order."""
    lines = itertools.chain([header_line()], lines)
    with (
        replacing(folder / MANIFEST_NAME, private=True) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        file.writelines(lines)
    (folder / JOURNAL_NAME).unlink(missing_ok=True)


def row_to_line(row: ManifestRow) -> str:
    """The row as manifest.csv has it, with the line break."""
    return _line(_to_fields(row))


def row_from_line(line: str) -> ManifestRow:
    """The row of a line by `row_to_line`."""
    return _from_fields(next(csv.reader([line])))


def header_line() -> str:
    """The first line of manifest.csv."""
    return _line(_COLUMNS)


def _line(fields):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _to_fields(row):
    box = [f"{value:.3f}" for value in row.box] or [""] * len(_BOX_FIELDS)
    points = [f"{value:.3f}" for value in row.landmarks] or [""] * len(LANDMARK_FIELDS)
    score = f"{row.score:.6f}" if row.box else ""
    sure, margin = map(_fraction, (row.landmark_confidence, row.vote_margin))
    texts = (spreadsheet_cell(getattr(row, name)) for name in _TEXTS)
    return [
        *(*texts, row.faces, score, *box, *points),
        *(sure, row.found_by, row.chosen_by, margin, row.bytes, row.modified_ns),
    ]


def _fraction(value):
    return "" if math.isnan(value) else f"{value:.4f}"


def _parse(path, strict):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        lines = csv.reader(file)
        while True:
            try:
                fields = next(lines, None)
                if fields is None:
                    return
                is_header = tuple(fields) in (_COLUMNS, _EARLIER_COLUMNS)
                row = None if is_header else _from_fields(fields)
            except (ValueError, csv.Error) as error:
                if strict:
                    raise InputError(
                        f"damaged manifest: {path}, line {lines.line_num} ({error}); "
                        "delete it to align all photos again"
                    ) from error
                continue
            if row is not None:
                yield row


def _from_fields(fields):
    earlier = len(fields) == len(_EARLIER_COLUMNS)
    columns = _EARLIER_COLUMNS if earlier else _COLUMNS
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} fields")
    record = dict.fromkeys(_LOOKS, "") | dict(zip(columns, fields, strict=True))
    record |= {name: text_of_cell(record[name]) for name in _TEXTS}
    if record["status"] not in (KEPT, DROPPED):
        raise ValueError(f"status {record['status']!r}")
    for name in filter(None, (record["photo"], record["crop"])):
        check_name(name)
        if identity_of(name) != record["identity"]:
            raise ValueError(f"a name of another identity: {name!r:.200}")
    numbers = {
        name: tuple(float(record[key]) for key in keys if record[key])
        for name, keys in (("box", _BOX_FIELDS), ("landmarks", LANDMARK_FIELDS))
    }
    return ManifestRow(
        **{name: record[name] for name in _TEXTS},
        **numbers,
        faces=int(record["faces"]),
        score=float(record["score"] or "nan"),
        landmark_confidence=float(record["landmark_confidence"] or "nan"),
        found_by=record["found_by"],
        chosen_by=record["chosen_by"],
        vote_margin=float(record["vote_margin"] or "nan"),
        bytes=int(record["bytes"]),
        modified_ns=int(record["modified_ns"]),
    )
