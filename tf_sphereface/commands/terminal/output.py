"""Results of the commands on stdout: JSON for programs, a few lines for people."""

import argparse
import json
import sys
from collections.abc import Iterable

from tf_sphereface.commands.terminal.messages import printable, tell

_MOST_LINES = 12
_MOST_WIDTH = 100  # characters of a value
_MOST_ITEMS = 8  # of a list


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`; into a file or a pipe the result is JSON anyway."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the result as JSON on a terminal, too (elsewhere it always is)",
    )


def print_result(
    content: dict | list, as_json: bool, brief: dict | None = None, **json_options
) -> None:
    """Prints what a command found.

    Args:
        content: The result, ready for JSON.
        as_json: What `--json` says.
        brief: The result for people, if it is not the same.
        **json_options: As for `json.dumps`.
    """
    if as_json or not sys.stdout.isatty():
        print(json.dumps(content, indent=2, **json_options))
        return
    for line in lines_of(brief or content):
        print(printable(line))


def print_notes(notes: Iterable[str]) -> None:
    """Prints sentences on what limits a result, on stderr."""
    for note in notes:
        tell(f"note: {note}")


def lines_of(content: dict | list) -> list[str]:
    """A dozen lines that a person reads: floats of 4 digits, nothing that is unknown.

    Args:
        content: As for `print_result`; a list is that of several results.
    """
    entries = list(_entries(content, ""))
    width = max((len(name) for name, _ in entries[:_MOST_LINES]), default=0)
    lines = [f"{name:<{width}}  {value}" for name, value in entries[:_MOST_LINES]]
    more = len(entries) - _MOST_LINES
    return [*lines, f"and {more} more: --json"] if more > 0 else lines


def _entries(content, name):
    """(name, value) of each line. A dict of plain values is one line."""
    if isinstance(content, dict) and (not name or not _is_flat(content)):
        for key, value in content.items():
            yield from _entries(value, f"{name} {key}".strip().replace("_", " "))
    elif isinstance(content, list | tuple) and any(
        isinstance(e, dict) for e in content
    ):
        for number, value in enumerate(content, start=1):
            # One of several lines that are alike: an unknown in it is told.
            if isinstance(value, dict) and _is_flat(value):
                value = {key: "-" if v is None else v for key, v in value.items()}
            yield from _entries(value, f"{name} {number}".strip())
    elif (text := _text(content)) is not None:
        yield name, text if len(text) <= _MOST_WIDTH else f"{text[: _MOST_WIDTH - 1]}…"


def _is_flat(content):
    return not any(isinstance(value, dict | list | tuple) for value in content.values())


def _text(value):
    """The value as words; None if there is nothing to tell."""
    if value is None or value in ([], (), {}):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        parts = [(key, _text(each)) for key, each in value.items()]
        told = [f"{key.replace('_', ' ')} {text}" for key, text in parts if text]
        return ", ".join(told) or None
    if isinstance(value, list | tuple):
        shown = [str(_text(each)) for each in value[:_MOST_ITEMS]]
        more = len(value) - len(shown)
        return " ".join(shown) + (f" and {more} more" if more else "")
    return str(value)
