"""The layout that photos of people come in: one folder for each identity."""

import dataclasses
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from tf_sphereface.data.photos.images import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError

# What alignment and rendering write beside the folders of the identities.
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


@dataclasses.dataclass(frozen=True)
class PhotoFolders:
    """What a folder of identities holds.

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
    refuse_unusable(photos)
    return PhotoFolders(tuple(sorted(photos)), other_files)


def refuse_unusable(photos: Iterable[str]) -> None:
    """Refuses "IDENTITY/FILE" names that cannot stand in a manifest beside the crops.

    Raises: InputError if a name has a control character, or an identity the name of a
        file that alignment writes.
    """
    for photo in photos:
        if not photo.isprintable():
            raise InputError(
                f"names must not hold tabs, line breaks or other control characters: "
                f"{photo!r}"
            )
        identity = photo.split("/")[0]
        if identity.lower() in RESERVED_NAMES:
            raise InputError(
                f"a person's folder must not be named {identity!r}: a file of that "
                "name will lie beside it"
            )


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
            raise InputError(f"not a valid Unicode name: {name!r} ({what})") from error
        folded = unicodedata.normalize("NFC", saved_as(name)).casefold()
        key = unicodedata.normalize("NFC", folded)
        if key in seen:
            raise InputError(
                f"{what} would be merged on other systems: {seen[key]!r} and {name!r} "
                "differ only in case or in how they are written; rename one"
            )
        seen[key] = name
