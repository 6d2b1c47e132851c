"""Names of photos and crops: "IDENTITY/FILE", relative to the folder of all people."""

import unicodedata
from collections.abc import Callable, Iterable

from tf_sphereface.errors import InputError

# Files that alignment and rendering write beside the folders of the identities.
RESERVED_NAMES = frozenset(
    {
        "align.json",
        "audit.html",
        "landmarks.csv",
        "manifest.csv",
        "manifest.partial.csv",
        "pairs.txt",
    }
)


def split_name(name: str) -> tuple[str, str]:
    """The identity and the file of "IDENTITY/FILE"; no file if there is no slash."""
    identity, _, file = name.partition("/")
    return identity, file


def identity_of(name: str) -> str:
    """The identity of "IDENTITY/FILE"."""
    return split_name(name)[0]


def identity_key(identity: str) -> str:
    """One spelling of a name: systems differ in how they write accented letters."""
    return unicodedata.normalize("NFC", identity)


def check_name(name: str) -> None:
    """Refuses names under which files cannot lie in a folder of people.

    Photos and crops are read, copied and removed by such names, on any system.

    Raises: InputError if a name is not "IDENTITY/FILE", could leave the folder, is
        hidden or has a control character, or if the identity has the name of a file
        that alignment writes.
    """
    identity, file = split_name(name)
    for part in (identity, file):
        if not part or part.startswith(".") or "/" in part or "\\" in part:
            raise InputError(
                "photos must be IDENTITY/FILE, neither with a leading dot or a "
                f"backslash. Received: {name!r:.200}"
            )
    if not name.isprintable():
        raise InputError(
            "names must not hold tabs, line breaks or other control characters. "
            f"Received: {name!r:.200}"
        )
    if identity.lower() in RESERVED_NAMES:
        raise InputError(
            f"a person's folder must not be named {identity!r}: a file of that name "
            "will lie beside it"
        )


def lies_below(name: str) -> bool:
    """True if a name, of one folder or more and perhaps a file, stays below a root.

    Every reader of names from a list or file asks this: whoever opens ROOT/NAME would
    else open any file of the machine.
    """
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0].endswith(":")
    return bool(name) and parts[0] != "" and ".." not in parts and not drive


def refuse_merging(
    names: Iterable[str], what: str, saved_as: Callable[[str], str] = str
) -> None:
    """Refuses names that are one name on a phone, a Mac or Windows.

    Args:
        names: Names of files or folders.
        what: What they name, for the message.
        saved_as: Gives the name to compare, where it is not the name itself.

    Raises: InputError that names both, or the name that is not valid Unicode.
    """
    seen = {}
    for name in sorted(names):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"not a valid Unicode name: {name!r} ({what}); rename it"
            ) from error
        key = identity_key(identity_key(saved_as(name)).casefold())
        if key in seen:
            raise InputError(
                f"{what} would be merged on other systems: {seen[key]!r} and {name!r} "
                "differ only in case or in how they are written; rename one"
            )
        seen[key] = name
