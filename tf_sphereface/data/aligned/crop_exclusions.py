"""The list of crops to leave out: `sphereface clean` writes it, `records` reads it."""

import csv
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.text_lists import list_text, text_of_cell

COLUMNS = (
    *("crop", "identity", "kind", "own_score"),
    *("other", "other_score", "suggestion", "drop"),
)
_ANSWERS = {"yes": True, "no": False}


def read_crop_exclusions(path: Path) -> frozenset[str]:
    """The crops of the rows whose column `drop` says yes.

    Only the columns `crop` and `drop` count, so that a list may be made by hand. A
    spreadsheet's mark at the beginning, and its semicolons or tabs, are understood.
    Rows without a crop are about whole identities and leave nothing out.

    Args:
        path: CSV file with a header.

    Raises: InputError if the file is missing, is no such list, or has another answer
        than yes or no.
    """
    lines = list_text(path, "crops").split("\n")
    separator = max(",;\t", key=lines[0].count)
    table = csv.DictReader(lines, delimiter=separator)
    try:
        return frozenset(_excluded(table, path))
    except csv.Error as error:
        raise InputError(f"{path} line {table.line_num + 1}: {error}") from error


def _excluded(table, path):
    if not {"crop", "drop"} <= set(table.fieldnames or ()):
        raise InputError(
            f"a list of crops must have the columns crop and drop: {path}; "
            "`sphereface clean` writes one"
        )
    for row in table:
        answer = (row["drop"] or "").strip().lower()
        if answer not in _ANSWERS:
            raise InputError(
                f"drop must be yes or no. Received: {row['drop']!r} in line "
                f"{table.line_num} of {path}"
            )
        if _ANSWERS[answer] and row["crop"]:
            yield text_of_cell(row["crop"])
