"""The option of commands whose pages show faces, and the line that says so."""

import argparse
from pathlib import Path

from tf_sphereface.commands.terminal.messages import tell


def add_thumbnails_option(
    parser: argparse.ArgumentParser, subject: str, shown: bool = True
) -> None:
    """Adds --thumbnails and --no-thumbnails.

    Args:
        parser: Of the command.
        subject: The faces in question, for the help.
        shown: Whether they are shown if nothing is said.
    """
    parser.add_argument(
        "--thumbnails",
        action=argparse.BooleanOptionalAction,
        default=shown,
        help=f"show {subject}; without, names of people and photos stay "
        f"(default: {'show' if shown else 'leave out'} them)",
    )


def tell_of_faces(*files: Path) -> None:
    """Says on stderr that files which were just made show people."""
    names = " and ".join(map(str, files))
    verb = "contains" if len(files) == 1 else "contain"
    tell(f"note: {names} {verb} photos of people; --no-thumbnails leaves them out")
