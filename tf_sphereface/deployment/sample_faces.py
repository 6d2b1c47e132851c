"""The aligned faces that an export is calibrated and compared on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_sphereface.data.images import PHOTO_SUFFIXES, read_photo
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import align_face
from tf_sphereface.preprocessing import PixelContract

_LARGEST_SAMPLE = 400
_SMALLEST_SAMPLE = 8
_SYNTHETIC_PEOPLE, _PHOTOS_EACH = 24, 2


@dataclasses.dataclass(frozen=True)
class SampleFace:
    """A rendered photo of nobody, with its landmarks and its aligned crop.

    Args:
        photo: uint8 (height, width, 3), RGB.
        landmarks: Float (5, 2), x,y pixels, the first pixel at 0.
        crop: uint8 (crop height, crop width, 3), RGB.
    """

    photo: np.ndarray
    landmarks: np.ndarray
    crop: np.ndarray


def read_aligned_faces(directory: Path, pixel_contract: PixelContract) -> np.ndarray:
    """Reads crops from a folder and its subfolders, at most 400, evenly chosen.

    Returns: uint8 (crops, height, width, 3), RGB.
    Raises: InputError if the folder is missing, holds fewer than 8 crops, or holds one
        that is damaged or not of the contract's size.
    """
    if not directory.is_dir():
        raise InputError(f"no such folder of aligned faces: {directory}")
    paths = sorted(
        path
        for path in directory.rglob("*")
        if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()
    )
    if len(paths) < _SMALLEST_SAMPLE:
        raise InputError(
            f"calibration needs at least {_SMALLEST_SAMPLE} aligned faces, better 200: "
            f"{directory} holds {len(paths)}"
        )
    count = min(len(paths), _LARGEST_SAMPLE)
    chosen = np.linspace(0, len(paths) - 1, count).astype(int)
    return np.stack([_read_crop(paths[index], pixel_contract) for index in chosen])


def synthetic_faces(
    pixel_contract: PixelContract,
    people: int = _SYNTHETIC_PEOPLE,
    photos_each: int = _PHOTOS_EACH,
) -> Iterator[SampleFace]:
    """Renders people who do not exist, one by one; the same ones on every call."""
    from tf_sphereface.data.synthetic_faces import (
        render_photo,
        sample_capture,
        sample_identity,
    )

    rng = np.random.default_rng(20170426)
    for _ in range(people):
        identity = sample_identity(rng)
        for _ in range(photos_each):
            photo = render_photo(identity, sample_capture(rng, max_yaw=30.0), size=250)
            crop = align_face(photo.image, photo.landmarks, pixel_contract.crop)
            yield SampleFace(photo.image, np.asarray(photo.landmarks), crop)


def _read_crop(path, pixel_contract):
    crop = read_photo(path)
    expected = (pixel_contract.height, pixel_contract.width, 3)
    if crop.shape != expected:
        raise InputError(
            f"not an aligned face of {expected[0]} x {expected[1]} pixels (height x "
            f"width): {path} has {crop.shape[0]} x {crop.shape[1]}"
        )
    return crop
