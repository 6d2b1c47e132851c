"""Photos by the names that pair lists and reports give them."""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES, is_photo
from tf_sphereface.data.photos.names import lies_below
from tf_sphereface.errors import InputError


class PhotoNames:
    """Names of photos or crops, found as people write them.

    A name is found as it is, else without its ending; else a crop is found by the name
    that it would have if its photo were a .jpg: that of "x.png" is "x.png.jpg", and
    lists say "x" or "x.jpg". Systems differ in how they spell accented letters; either
    spelling counts.

    Args:
        names: Of files, with or without folders.
    """

    def __init__(self, names: Iterable[str]):
        self.names = tuple(names)

    def find(self, name: str) -> list[int]:
        """Positions of the photos that have a name; several if it does not decide."""
        name = _composed(name)
        return (
            self._by_name.get(name)
            or self._by_stem.get(name)
            or self._by_photo.get(name, [])
        )

    @functools.cached_property
    def _by_name(self):
        return self._positions(lambda name: (name,))

    @functools.cached_property
    def _by_stem(self):
        return self._positions(lambda name: (_split(name)[0],))

    @functools.cached_property
    def _by_photo(self):
        return self._positions(_names_of_photo)

    def _positions(self, keys: Callable[[str], Iterable[str]]) -> dict[str, list[int]]:
        positions = {}
        for position, name in enumerate(map(_composed, self.names)):
            for key in keys(name):
                positions.setdefault(key, []).append(position)
        return positions


def find_photos(images_dir: Path, relative_paths: Sequence[str]) -> list[Path | None]:
    """Files of photos as `PhotoNames` finds them, None for a missing one.

    Raises: InputError if the folder is missing, or a name does not decide or leads out
        of the folder.
    """
    images_dir = Path(images_dir)
    if not images_dir.is_dir():
        raise InputError(f"no such folder of aligned faces: {images_dir}")
    listings = {}
    files = []
    for relative in relative_paths:
        if not lies_below(relative):
            raise InputError(f"not a name below {images_dir}: {relative!r:.200}")
        parent, name = PurePosixPath(relative).parent, PurePosixPath(relative).name
        if parent not in listings:
            listings[parent] = _list_folder(images_dir, str(parent))
        folder, names = listings[parent]
        found = [names.names[position] for position in names.find(name)]
        if len(found) > 1:
            raise InputError(
                f"two photos for {relative}: {found[0]} and {found[1]} in {folder}; "
                "keep one"
            )
        files.append(folder / found[0] if found else None)
    return files


def _list_folder(images_dir, name):
    """A folder, and the names of the photos in it."""
    spellings = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    folders = [images_dir / spelling for spelling in spellings]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    files = () if folder is None else sorted(folder.iterdir())
    return folder, PhotoNames(file.name for file in files if is_photo((file.name,)))


def _composed(name):
    return unicodedata.normalize("NFC", name)


def _split(name):
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix), suffix


def _names_of_photo(crop):
    stem, suffix = _split(crop)
    photo, kind = _split(stem)
    return (photo, photo + suffix) if kind.lower() in PHOTO_SUFFIXES else ()
