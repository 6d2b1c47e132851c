"""The layout that photos of people come in: one folder for each identity."""

import dataclasses
import os
from pathlib import Path

from tf_sphereface.data.photos.kinds import (
    PHOTO_SUFFIXES,
    PassedOver,
    is_photo,
    sort_files,
)
from tf_sphereface.data.photos.names import refuse_merging
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class PhotoFolders:
    """Content of a folder of identities.

    Args:
        places: Path of each photo below the folder, by its name "IDENTITY/FILE",
            sorted: files with a photo's suffix, whether or not they can be read.
        passed_over: The other files.
    """

    places: dict[str, str]
    passed_over: PassedOver

    @property
    def photos(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(self.places)


def list_photos(source: Path, subfolders: bool = False) -> PhotoFolders:
    """Lists SOURCE/IDENTITY/PHOTO.

    Args:
        source: The folder.
        subfolders: As for `sort_files`.

    Raises: InputError if `source` is no folder or has no photo, if a name is not valid
        Unicode or has a control character, if two identities differ only in case or in
        Unicode form, or if one has the name of a file that alignment writes.
    """
    if not source.is_dir():
        raise InputError(f"no such folder: {source}")
    entries = [entry for entry in source.iterdir() if not entry.name.startswith(".")]
    folders = [entry for entry in entries if entry.is_dir()]
    refuse_merging((folder.name for folder in folders), "identities")
    files = [(entry.name, (entry.name,)) for entry in entries if not entry.is_dir()]
    for folder in folders:
        files += _files_below(folder, source)
    places, passed_over = sort_files(files, subfolders)
    if not places:
        raise InputError(_no_photo(source, passed_over))
    return PhotoFolders(places, passed_over)


def photos_below(folder: Path) -> list[str]:
    """Names of the photos in a folder and below it, sorted, such as "A/2004/1.jpg".

    Hidden files and folders are left out, and links to folders are not followed.

    Raises: InputError if there is no such folder, or no photo in it.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    found = sorted(
        name for name, parts in _files_below(folder, folder) if is_photo(parts)
    )
    if not found:
        kinds = " ".join(sorted(PHOTO_SUFFIXES))
        raise InputError(f"no photo in {folder} or below it ({kinds})")
    return found


def _files_below(folder, source):
    for path, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        parts = Path(path).relative_to(source).parts
        for name in names:
            yield "/".join((*parts, name)), (*parts, name)


def _no_photo(source, passed_over):
    if passed_over.deeper[0]:
        return f"no photo in {source}: {passed_over.notes('--subfolders')[0]}"
    if passed_over.kinds and not passed_over.beside[0]:
        return (
            f"{passed_over.kinds.total()} files in {source} are of no kind that can be "
            f"read ({' '.join(sorted(PHOTO_SUFFIXES))}); convert them first"
        )
    return (
        f"no photo in {source}; put the photos of each person in a folder of "
        f"their own, such as {source.name}/Ada/1.jpg"
    )
