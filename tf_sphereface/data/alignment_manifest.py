"""manifest.csv and align.json: what became of each photo, and under which settings."""

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_sphereface.data.foreign_folders import are_settings, stays_inside
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, write_atomically

MANIFEST_NAME = "manifest.csv"
SETTINGS_NAME = "align.json"
LOCK_NAME = ".align.lock"
JOURNAL_NAME = "manifest.partial.csv"
KEPT, DROPPED = "kept", "dropped"

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
    bytes: int = 0
    modified_ns: int = 0


# `modified_ns` is last: a line torn by a crash cannot pass for a whole one.
_COLUMNS = (
    ("photo", "identity", "status", "reason", "crop", "faces", "score")
    + _BOX_FIELDS
    + LANDMARK_FIELDS
    + ("bytes", "modified_ns")
)


def read_manifest_rows(folder: Path) -> dict[str, ManifestRow]:
    """The rows of an aligned folder by photo, with those of an interrupted run.

    Returns: Empty if there is no manifest.
    Raises: InputError if manifest.csv is damaged.
    """
    return {row.photo: row for row in iterate_manifest_rows(folder)}


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
        replacing(folder / MANIFEST_NAME) as temporary,
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


def agree_on_settings(folder: Path, settings: dict, version: str) -> None:
    """Writes align.json into a new folder, or compares it with an older run's.

    Args:
        folder: The aligned folder; made if it is missing.
        settings: What decides about the crops; JSON values.
        version: The library's version, recorded and not compared.

    Raises: InputError if the folder has crops of other settings, or other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SETTINGS_NAME
    if path.exists():
        known = read_alignment_settings(folder)
        new, old = _flat(settings), _flat(known)
        differing = [k for k in sorted(new | old) if new.get(k) != old.get(k)]
        if differing:
            # A number says more than ten: the size of crops, not their template.
            name = min(differing, key=lambda k: isinstance(new.get(k), list))
            raise InputError(
                f"{folder} was aligned with other settings: {name} is "
                f"{old.get(name)!r} there, and {new.get(name)!r} now; "
                "take another --out, or the same settings"
            )
        return
    if any(path.name != LOCK_NAME for path in folder.iterdir()):
        raise InputError(f"--out must be new, empty or an aligned folder: {folder}")
    record = {"library_version": version, "settings": settings}
    write_atomically(path, json.dumps(record, indent=2).encode() + b"\n")


def read_alignment_settings(folder: Path) -> dict | None:
    """The settings in align.json; None if there is no such file.

    Raises: InputError if the file is damaged.
    """
    path = folder / SETTINGS_NAME
    if not path.exists():
        return None
    try:
        settings = json.loads(path.read_bytes())["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"damaged settings of an aligned folder: {path}") from error
    if not are_settings(settings):
        raise InputError(f"damaged settings of an aligned folder: {path}")
    return settings


def _flat(settings, prefix=""):
    flat = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


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
    head = [row.photo, row.identity, row.status, row.reason, row.crop, row.faces, score]
    return [*head, *box, *points, row.bytes, row.modified_ns]


def _parse(path, strict):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        lines = csv.reader(file)
        while True:
            try:
                fields = next(lines, None)
                if fields is None:
                    return
                row = None if tuple(fields) == _COLUMNS else _from_fields(fields)
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
    if len(fields) != len(_COLUMNS):
        raise ValueError(f"{len(fields)} fields")
    record = dict(zip(_COLUMNS, fields, strict=True))
    if record["status"] not in (KEPT, DROPPED):
        raise ValueError(f"status {record['status']!r}")
    crop = record["crop"]
    if not stays_inside(record["identity"], 1) or (crop and not stays_inside(crop, 2)):
        raise ValueError(f"a name that leaves the folder: {crop!r:.200}")
    numbers = {
        name: tuple(float(record[key]) for key in keys if record[key])
        for name, keys in (("box", _BOX_FIELDS), ("landmarks", LANDMARK_FIELDS))
    }
    return ManifestRow(
        **{
            key: record[key]
            for key in ("photo", "identity", "status", "reason", "crop")
        },
        **numbers,
        faces=int(record["faces"]),
        score=float(record["score"] or "nan"),
        bytes=int(record["bytes"]),
        modified_ns=int(record["modified_ns"]),
    )
