"""Rows of the manifest while an alignment runs: their database, journal and reuse."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tf_sphereface.data.aligned.manifest import (
    DROPPED,
    JOURNAL_NAME,
    KEPT,
    ManifestRow,
    header_line,
    iterate_manifest_rows,
    row_from_line,
    row_to_line,
    write_manifest_lines,
)
from tf_sphereface.data.alignment.crops import is_further_face, row_name
from tf_sphereface.data.alignment.photo_aligner import LANDMARKS_OUTSIDE
from tf_sphereface.data.photos.kinds import (
    INSTALL_HEIF,
    NEEDS_HEIF,
    readable_formats,
)
from tf_sphereface.data.sources import PhotoSource

# A link in a folder from elsewhere may lead anywhere.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
_NAMED = 3  # photos that a note names
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE known (
    photo TEXT PRIMARY KEY, identity TEXT, status TEXT, reason TEXT, crop TEXT,
    faces INTEGER, found_by TEXT, chosen_by TEXT, line TEXT
) WITHOUT ROWID;
CREATE TABLE done (
    photo TEXT PRIMARY KEY, identity TEXT, status TEXT, reason TEXT, crop TEXT,
    faces INTEGER, found_by TEXT, chosen_by TEXT, line TEXT
) WITHOUT ROWID;
"""


class AlignmentRows:
    """The rows of earlier runs (`known`) and of this one (`done`), by photo.

    They are in a temporary database that the system removes with the process, and 4 MB
    of it are in memory. Use it as a context manager.
    """

    def __init__(self):
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLES)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._database.close()

    def load(self, folder: Path) -> None:
        """Takes over the rows of an aligned folder, an interrupted one's too.

        Raises: InputError if manifest.csv is damaged.
        """
        self._insert("known", iterate_manifest_rows(folder))

    def known(self, name: str) -> ManifestRow | None:
        """The earlier runs' row of a photo or of a further face."""
        found = self._database.execute(
            "SELECT line FROM known WHERE photo = ?", (name,)
        ).fetchone()
        return row_from_line(found[0]) if found else None

    def count_known(self, identity: str) -> int:
        """Number of the earlier runs' rows of a person."""
        # Names from "A/" on and before "A0", which follows: the primary key finds them.
        return self._database.execute(
            "SELECT COUNT(*) FROM known WHERE photo >= ? AND photo < ?",
            (f"{identity}/", f"{identity}0"),
        ).fetchone()[0]

    def known_are_of(self, names: Iterable[str]) -> bool:
        """True if there are no earlier rows, or one is of these photos."""
        query = "SELECT COUNT(*) FROM known"
        empty = self._database.execute(query).fetchone() == (0,)
        return empty or any(self.known(name) is not None for name in names)

    def add(self, rows: Iterable[ManifestRow]) -> None:
        """Adds rows to those of this run; a photo's newer row replaces its older."""
        self._insert("done", rows)

    def orphans(self) -> Iterator[str]:
        """Crops that the earlier runs' rows name and this run's do not."""
        query = "SELECT crop FROM known WHERE crop != '' EXCEPT SELECT crop FROM done"
        return (crop for (crop,) in self._database.execute(query))

    def identities(self) -> Iterator[str]:
        """The names in the rows of the earlier runs and of this one."""
        query = "SELECT identity FROM known UNION SELECT identity FROM done"
        return (identity for (identity,) in self._database.execute(query))

    def write_manifest(self, folder: Path) -> None:
        """Writes manifest.csv, sorted by photo, in one step; then drops the journal."""
        # SQLite compares the names' UTF-8, which is the order of Python's strings.
        found = self._database.execute("SELECT line FROM done ORDER BY photo")
        write_manifest_lines(folder, (line for (line,) in found))

    def count_kept(self) -> tuple[int, int]:
        """The number of crops, and of identities with a crop."""
        query = "SELECT COUNT(*), COUNT(DISTINCT identity) FROM done WHERE status = ?"
        return self._database.execute(query, (KEPT,)).fetchone()

    def count_dropped(self) -> Counter:
        """The number of photos without a crop, by reason."""
        query = "SELECT reason, COUNT(*) FROM done WHERE status = ? GROUP BY reason"
        return Counter(dict(self._database.execute(query, (DROPPED,))))

    def count_crops_by(self, column: str) -> Counter:
        """The number of crops by `found_by` or `chosen_by`, where that is recorded."""
        query = (
            f"SELECT {column}, COUNT(*) FROM done WHERE status = ? AND {column} != '' "
            f"GROUP BY {column}"
        )
        return Counter(dict(self._database.execute(query, (KEPT,))))

    def count_several_faces(self) -> int:
        """The number of photos with a crop in which several faces were found."""
        query = "SELECT COUNT(*) FROM done WHERE status = ? AND faces > 1"
        return self._database.execute(query, (KEPT,)).fetchone()[0]

    def _insert(self, table, rows):
        values = ((*_columns(row), row_to_line(row)) for row in rows)
        self._database.execute("BEGIN")
        self._database.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )
        self._database.execute("COMMIT")


class Journal:
    """The journal of a run; `write_manifest_lines` drops it when all is done.

    A killed run loses the rows since the last `append` at most; their photos are done
    again. Use it as a context manager.
    """

    def __init__(self, folder: Path):
        self._path = folder / JOURNAL_NAME

    def __enter__(self):
        # A line that a crash has torn must not swallow the next one.
        descriptor = os.open(self._path, _APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a", newline="", encoding="utf-8")
        self._file.write("\n" if self._file.tell() else header_line())
        return self

    def __exit__(self, *_):
        self._file.close()

    def append(self, rows: Iterable[ManifestRow]) -> None:
        self._file.writelines(map(row_to_line, rows))
        self._file.flush()


def reusable_rows(
    name: str,
    known: Callable[[str], ManifestRow | None],
    source: PhotoSource,
    out: Path,
    landmarks: Mapping[str, tuple[float, ...]] | None = None,
    every_face: bool = False,
) -> list[ManifestRow]:
    """The rows of a photo that is as it was and whose crops are all there.

    Args:
        name: "IDENTITY/FILE" of the photo.
        known: Gives the earlier run's row by name; those of a photo's further faces
            are named after it.
        source: Where the photos are now.
        out: The aligned folder.
        landmarks: Given landmarks by photo; a photo with others is aligned again.
        every_face: Whether all faces of a photo have a row, not one.

    Returns: Empty if the photo must be aligned.
    """
    first = known(name)
    if first is None or (first.reason == NEEDS_HEIF and "HEIF" in readable_formats()):
        return []
    count = max(1, first.faces) if every_face else 1
    rows = [first, *(known(row_name(name, face)) for face in range(2, count + 1))]
    if not all(row is not None and _has_crop(row, out) for row in rows):
        return []
    if landmarks is not None and not _same_landmarks(first, landmarks.get(name)):
        return []
    photo = source.photo(name)
    same = (photo.bytes, photo.modified_ns) == (first.bytes, first.modified_ns)
    return rows if same else []


def heif_note(out: Path) -> str:
    """A sentence that names the photos of an aligned folder which wait for an extra."""
    rows = iterate_manifest_rows(out)
    photos = [row.photo for row in rows if row.reason == NEEDS_HEIF]
    named = ", ".join(photos[:_NAMED]) + (", ..." if len(photos) > _NAMED else "")
    return (
        f"{len(photos):,} HEIC photos gave no crop ({named}): {INSTALL_HEIF}, and run "
        "it again"
    )


def _columns(row):
    # The further faces of a photo have rows of their own, and are counted in its first.
    faces = 0 if is_further_face(row.photo) else row.faces
    first = row.photo, row.identity, row.status, row.reason, row.crop
    return *first, faces, row.found_by, row.chosen_by


def _has_crop(row, out):
    return row.status != KEPT or (out / row.crop).is_file()


def _same_landmarks(row, landmarks):
    if row.reason == LANDMARKS_OUTSIDE:
        return False  # the row does not say which they were
    if row.status != KEPT or landmarks is None:
        return (landmarks is None) == (row.reason == "no landmarks")
    return row.landmarks == tuple(round(value, 3) for value in landmarks)
