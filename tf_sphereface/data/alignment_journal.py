"""Rows of an alignment that is under way, kept on disk as they come."""

from collections.abc import Iterable
from pathlib import Path

from tf_sphereface.data.alignment_manifest import (
    JOURNAL_NAME,
    ManifestRow,
    header_line,
    row_to_line,
)


class Journal:
    """The journal of a run; `write_manifest_lines` drops it when all is done.

    A killed run loses the rows since the last `append` at most; their photos are done
    again. Use it as a context manager.
    """

    def __init__(self, folder: Path):
        self._path = folder / JOURNAL_NAME

    def __enter__(self):
        # A line that a crash has torn must not swallow the next one.
        self._file = open(self._path, "a", newline="", encoding="utf-8")
        self._file.write("\n" if self._file.tell() else header_line())
        return self

    def __exit__(self, *_):
        self._file.close()

    def append(self, rows: Iterable[ManifestRow]) -> None:
        self._file.writelines(map(row_to_line, rows))
        self._file.flush()
