"""Aligned faces as parts of a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.pages.rendering import picture_address


class Picture(NamedTuple):
    """A picture that is part of the page; width and height in pixels."""

    address: str
    width: int
    height: int


def picture_of(pixels: np.ndarray) -> Picture:
    """The picture of a crop, uint8 (height, width, 3), RGB."""
    return Picture(picture_address(pixels), pixels.shape[1], pixels.shape[0])


def face_pictures(images_dir: Path, photos: Sequence[str]) -> dict[str, Picture | None]:
    """Pictures by photo; None for one that is missing or cannot be read.

    Raises: InputError if the folder is missing.
    """
    found = zip(photos, find_photos(Path(images_dir), photos), strict=True)
    return {photo: face_picture(file) for photo, file in found}


def face_picture(file: Path | None) -> Picture | None:
    """The picture in a file; None if there is none or it cannot be read."""
    try:
        return picture_of(read_photo(file)) if file else None
    except InputError:
        return None
