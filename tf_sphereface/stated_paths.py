"""Paths as reports, pages and models state them: without the folders of their user.

A path from the root names a user and a machine; so may one that leads out of the
folder in which the command ran.
"""

import os
import shlex
from collections.abc import Sequence

_SEPARATORS = "/\\"
_QUOTES = "\"'"


def stated_path(path: str | os.PathLike) -> str:
    """A path as it was given, or its last part alone if it leads out of this folder."""
    text = os.fspath(path)
    parts = text.replace("\\", "/").split("/")
    if not (text[:1] in (*_SEPARATORS, "~") or parts[0][1:] == ":" or ".." in parts):
        return text
    return next((part for part in reversed(parts) if part), text)


def stated_command(name: str, arguments: Sequence[str]) -> str:
    """The line of a command of ours as a shell takes it, its paths as `stated_path`."""
    return shlex.join(["sphereface", name, *map(_stated_argument, arguments)])


def _stated_argument(argument):
    option, sign, value = argument.partition("=")
    if not sign or any(separator in option for separator in _SEPARATORS):
        option, sign, value = "", "", argument
    bare = value.strip(_QUOTES)
    if not any(separator in bare for separator in _SEPARATORS):
        return argument
    return option + sign + value.replace(bare, stated_path(bare))
