"""Lists in text files, a line an entry, as every reader of lists takes them."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from tf_sphereface.errors import InputError

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def list_text(path: Path, what: str) -> str:
    r"""All text of a list; every line ends in "\n", however the file ends them.

    Args:
        path: The list, UTF-8 text, with or without a byte order mark.
        what: It is a list of these, for the message, such as "pairs".

    Raises: InputError if it cannot be read or is not UTF-8.
    """
    try:
        # With "utf-8-sig" the bytes of an error would count from behind the mark.
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"no such list of {what}: {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {what}: {path} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"a list of {what} must be UTF-8 text: {path} (byte {error.start})"
        ) from error
    return text.removeprefix("\ufeff")


def numbered_lines(path: Path, what: str) -> Iterator[tuple[int, str]]:
    """(number, text) of a list's lines that are not blank, as they are.

    Args: As for `list_text`.

    Returns: Numbers from 1; lines without the line break.
    Raises: As `list_text`.
    """
    # Not splitlines: it also breaks at characters that names may hold.
    for number, line in enumerate(list_text(path, what).split("\n"), start=1):
        if line.strip():
            yield number, line


def csv_lines(path: Path, what: str) -> Iterator[tuple[str, list[str]]]:
    """("FILE line N", fields) of each line of a CSV that is not blank.

    Args: As for `list_text`.

    Raises: InputError as `list_text`, or if a line is no CSV.
    """
    for number, line in numbered_lines(path, what):
        place = f"{path} line {number}"
        try:
            fields = csv_fields(line)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        yield place, fields


def csv_fields(line: str) -> list[str]:
    """The fields of one line of a CSV, without blanks around them.

    Raises: InputError, without the place, if it is no CSV.
    """
    try:
        fields = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise InputError(f"not a line of CSV ({error})") from error
    return [field.strip() for field in fields]


def spreadsheet_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: such a text gets a "'" in front.

    A photo may be called "=HYPERLINK(...).jpg". `text_of_cell` takes the mark off.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def text_of_cell(cell: str) -> str:
    """The text that `spreadsheet_cell` made a cell of."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def is_number(field: str) -> bool:
    """True if a field of a list is a number, 0 or more, that 64 bits hold."""
    # isdigit alone is true of "²", which int() refuses.
    return field.isascii() and field.isdigit() and len(field) <= 18
