"""The photos that variants of the detector are calibrated and compared on."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.images import PHOTO_SUFFIXES, read_photo
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

_FEWEST_PHOTOS, _MOST_PHOTOS = 32, 400
_CALIBRATION_SHARE = 4  # every fourth photo


@dataclasses.dataclass(frozen=True)
class DetectorPhotos:
    """Photos with faces, uint8 (height, width, 3) RGB each, of any sizes.

    Args:
        calibration: R-Net and O-Net see their crops when ranges are taken.
        compared: Others, in which faces are looked for by every variant.
    """

    calibration: Sequence[np.ndarray]
    compared: Sequence[np.ndarray]


def rendered_photos(calibration: int = 32, compared: int = 96) -> DetectorPhotos:
    """Photos of 250 x 250 pixels, each of another person who does not exist."""
    people = synthetic_faces(PixelContract(), calibration + compared, 1)
    photos = [face.photo for face in people]
    return DetectorPhotos(photos[:calibration], photos[calibration:])


def read_detector_photos(directory: Path) -> DetectorPhotos:
    """Reads photos from a folder and its subfolders, at most 400, evenly chosen.

    Every fourth is for calibration, the others are compared.

    Raises: InputError if the folder is missing, holds fewer than 32 photos, or holds
        one that is damaged.
    """
    if not directory.is_dir():
        raise InputError(f"no such folder of photos: {directory}")
    paths = sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()
    )
    if len(paths) < _FEWEST_PHOTOS:
        raise InputError(
            f"variants of the detector need at least {_FEWEST_PHOTOS} photos, better "
            f"200: {directory} holds {len(paths)}"
        )
    count = min(len(paths), _MOST_PHOTOS)
    chosen = np.linspace(0, len(paths) - 1, count).astype(int)
    photos = [read_photo(paths[index]) for index in chosen]
    calibration = photos[::_CALIBRATION_SHARE]
    del photos[::_CALIBRATION_SHARE]
    return DetectorPhotos(calibration, photos)
