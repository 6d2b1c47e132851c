"""The manifest's rows while an alignment runs: on disk, however many they are."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_sphereface.data.alignment_manifest import (
    DROPPED,
    KEPT,
    ManifestRow,
    iterate_manifest_rows,
    row_from_line,
    row_to_line,
    write_manifest_lines,
)

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE known (
    photo TEXT PRIMARY KEY, identity TEXT, status TEXT, reason TEXT, crop TEXT,
    line TEXT
) WITHOUT ROWID;
CREATE TABLE done (
    photo TEXT PRIMARY KEY, identity TEXT, status TEXT, reason TEXT, crop TEXT,
    line TEXT
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

    def known_are_of(self, names: Iterable[str]) -> bool:
        """Whether there are no earlier rows, or one is of these photos."""
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

    def _insert(self, table, rows):
        values = ((*_columns(row), row_to_line(row)) for row in rows)
        self._database.execute("BEGIN")
        self._database.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?)", values
        )
        self._database.execute("COMMIT")


def _columns(row):
    return row.photo, row.identity, row.status, row.reason, row.crop
