"""Files of photos by the names that pair lists and reports give them."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError


def find_photos(images_dir: Path, relative_paths: Sequence[str]) -> list[Path | None]:
    """Files of photos, None for a missing one.

    Raises: InputError if the folder is missing, or two photos have the stem asked for.
    """
    images_dir = Path(images_dir)
    if not images_dir.is_dir():
        raise InputError(f"no such folder of aligned faces: {images_dir}")
    listings = {}
    files = []
    for relative in relative_paths:
        folder, name = PurePosixPath(relative).parent, PurePosixPath(relative).name
        if folder not in listings:
            listings[folder] = _list_folder(images_dir, str(folder))
        by_name, by_stem = listings[folder]
        name = unicodedata.normalize("NFC", name)
        found = [by_name[name]] if name in by_name else by_stem.get(name, [])
        if len(found) > 1:
            raise InputError(
                f"two photos for {relative}: {found[0].name} and {found[1].name} in "
                f"{found[0].parent}; keep one"
            )
        files.append(found[0] if found else None)
    return files


def _list_folder(images_dir, name):
    """Photos of a folder by file name and by stem, both in Unicode's composed form.

    Systems differ in how they spell accented letters; either spelling finds the photo.
    """
    by_name, by_stem = {}, {}
    spellings = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    folders = [images_dir / spelling for spelling in spellings]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is not None:
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in PHOTO_SUFFIXES:
                name = unicodedata.normalize("NFC", file.name)
                by_name[name] = file
                by_stem.setdefault(name[: -len(file.suffix)], []).append(file)
    return by_name, by_stem
