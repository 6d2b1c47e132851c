"""Names of an archive's members as IDENTITY/FILE."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import (
    PHOTO_SUFFIXES,
    PassedOver,
    is_photo,
    sort_files,
)
from tf_sphereface.errors import InputError

_DRIVE = re.compile(r"[A-Za-z]:")


def photo_members(
    members: Iterable[str], path: Path, subfolders: bool = False
) -> tuple[dict[str, str], PassedOver]:
    """Finds the photos among an archive's files.

    Folders that all photos share are stripped, down to the identity.

    Args:
        members: Names of the archive's files, not of its folders.
        path: The archive, for messages.
        subfolders: As for `sort_files`.

    Returns: Members by name "IDENTITY/FILE", sorted by name, and the other files.
    Raises: InputError if a member's name is absolute or has "..", or if no photo is
        left; as `sort_files` too.
    """
    files = []
    for member in members:
        plain = member.replace("\\", "/")  # old archives of Windows
        parts = PurePosixPath(plain).parts
        if plain.startswith("/") or _DRIVE.match(plain) or ".." in parts:
            raise InputError(
                f"members of an archive must not leave its folder: {member!r} in {path}"
            )
        files.append((member, parts))
    folders = [parts[:-1] for _, parts in files if len(parts) > 1 and is_photo(parts)]
    shared = _shared_folders(folders)
    # Files beside the shared folders are none of a person.
    files = [(member, parts[min(shared, len(parts) - 1) :]) for member, parts in files]
    places, passed_over = sort_files(files, subfolders)
    if not places:
        raise InputError(
            f"no photo in {path}; an archive must hold IDENTITY/PHOTO, below any "
            f"folders, of the kinds {' '.join(sorted(PHOTO_SUFFIXES))}"
        )
    return places, passed_over


def _shared_folders(folders):
    """Number of leading folders that are no identities."""
    if not folders:
        return 0
    # What the first and the last in order share, all share.
    first, last = min(folders), max(folders)
    shared = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        shared += 1
    if first == last:  # one person
        return shared - 1
    return shared
