"""Names of an archive's members as IDENTITY/FILE."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.images import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError

_DRIVE = re.compile(r"[A-Za-z]:")


def photo_members(
    members: Iterable[str], path: Path
) -> tuple[list[tuple[str, str]], int]:
    """Finds the photos among an archive's files.

    Folders that all photos share are stripped, down to the identity. A photo beside
    or below the identities' folders is passed over, as are hidden files.

    Args:
        members: Names of the archive's files, not of its folders.
        path: The archive, for messages.

    Returns: (member, "IDENTITY/FILE") pairs, and the number of other files.
    Raises: InputError if a member's name is absolute or has "..", or if no photo is
        left.
    """
    photos, other_files = [], 0
    for member in members:
        plain = member.replace("\\", "/")  # old archives of Windows
        parts = PurePosixPath(plain).parts
        if plain.startswith("/") or _DRIVE.match(plain) or ".." in parts:
            raise InputError(
                f"members of an archive must not leave its folder: {member!r} in {path}"
            )
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        if len(parts) < 2 or PurePosixPath(plain).suffix.lower() not in PHOTO_SUFFIXES:
            other_files += 1
        else:
            photos.append((member, parts))
    shared = _shared_folders([parts[:-1] for _, parts in photos])
    named = [
        (member, "/".join(parts[shared:]))
        for member, parts in photos
        if len(parts) == shared + 2
    ]
    if not named:
        raise InputError(
            f"no photo in {path}; an archive must hold IDENTITY/PHOTO, below any "
            f"folders, of the kinds {' '.join(sorted(PHOTO_SUFFIXES))}"
        )
    return named, other_files + len(photos) - len(named)


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
