"""The layout that photos of people come in: one folder for each identity."""

import dataclasses
from pathlib import Path

from tf_sphereface.data.photos.images import PHOTO_SUFFIXES
from tf_sphereface.data.photos.names import check_name, refuse_merging
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class PhotoFolders:
    """Content of a folder of identities.

    Args:
        photos: Photos as "IDENTITY/FILE", sorted: files with a photo's suffix, whether
            or not they can be read.
        other_files: Number of files that are no photos by their suffix, or that lie
            outside an identity's folder. Hidden files are not counted.
    """

    photos: tuple[str, ...]
    other_files: int


def list_photos(source: Path) -> PhotoFolders:
    """Lists SOURCE/IDENTITY/PHOTO; deeper folders and hidden files are passed over.

    Raises: InputError if `source` is no folder or has no photo, if a name is not valid
        Unicode or has a control character, if two identities differ only in case or in
        Unicode form, or if one has the name of a file that alignment writes.
    """
    if not source.is_dir():
        raise InputError(f"no such folder: {source}")
    photos, other_files = [], 0
    folders = []
    for entry in source.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            folders.append(entry)
        else:
            other_files += 1
    refuse_merging((folder.name for folder in folders), "identities")
    for folder in folders:
        for file in folder.iterdir():
            if file.name.startswith(".") or file.is_dir():
                continue
            if file.suffix.lower() in PHOTO_SUFFIXES:
                photos.append(f"{folder.name}/{file.name}")
            else:
                other_files += 1
    if not photos:
        raise InputError(_no_photo(source, other_files))
    for photo in photos:
        check_name(photo)
    return PhotoFolders(tuple(sorted(photos)), other_files)


def _no_photo(source, other_files):
    beside = any(
        entry.is_file() and entry.suffix.lower() in PHOTO_SUFFIXES
        for entry in source.iterdir()
        if not entry.name.startswith(".")
    )
    if other_files and not beside:
        return (
            f"{other_files} files in {source} are of no kind that can be read "
            f"({' '.join(sorted(PHOTO_SUFFIXES))}); convert them first (HEIC: to .jpg)"
        )
    return (
        f"no photo in {source}; put the photos of each person in a folder of "
        f"their own, such as {source.name}/Ada/1.jpg"
    )
