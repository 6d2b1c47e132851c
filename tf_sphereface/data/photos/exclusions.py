"""People who must not be trained on, since a model will be tested on them."""

from collections.abc import Iterable
from pathlib import Path

from tf_sphereface.data.photos.names import identity_key, identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.text_lists import numbered_lines

# The three people of CASIA-WebFace who are in LFW too, by the SphereFace release.
KNOWN_OVERLAPS = {"casia-lfw": ("0166921", "1056413", "1193098")}


def read_exclusions(value: str) -> tuple[str, ...]:
    """The identities of a built-in list ("casia-lfw") or of a file, one a line.

    Raises: InputError if there is no such list.
    """
    if value in KNOWN_OVERLAPS:
        return KNOWN_OVERLAPS[value]
    try:
        return tuple(read_identity_list(Path(value)))
    except InputError as error:
        known = ", ".join(KNOWN_OVERLAPS)
        raise InputError(f"{error} (built in: {known})") from error


def read_identity_list(path: Path) -> list[str]:
    """Reads names of identities, one a line; blank lines do not count.

    Raises: InputError if the file is missing or not UTF-8 text.
    """
    return [line.strip() for _, line in numbered_lines(path, "identities")]


def without_identities(
    names: Iterable[str], excluded: Iterable[str]
) -> tuple[tuple[str, ...], int]:
    """Leaves out the "IDENTITY/FILE" names of some identities.

    Returns: The other names, and the number of identities that were left out.
    """
    keys = {identity_key(identity) for identity in excluded}
    kept, gone = [], set()
    for name in names:
        key = identity_key(identity_of(name))
        if key in keys:
            gone.add(key)
        else:
            kept.append(name)
    return tuple(kept), len(gone)


def exclusion_note(name: str, excluded: Iterable[str], found: int) -> str | None:
    """Note on names of a list that are not in a collection; None if all are.

    Args:
        name: What the list is called.
        excluded: Identities on the list.
        found: How many of them the collection has.
    """
    listed = len({identity_key(identity) for identity in excluded})
    if found >= listed:
        return None
    return f"note: {listed - found} of {listed} names of {name} are not there"
