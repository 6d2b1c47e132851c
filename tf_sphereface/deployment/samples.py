"""The aligned faces that an export takes ranges from, and is compared on."""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_sphereface.bundle.records import SampleRecord
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.kinds import is_photo
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry, align_face
from tf_sphereface.preprocessing import PixelContract

REPRESENTATIVE = 500
_HELD_OUT_SHARE = 5  # every fifth person is not among the representative
_LARGEST_COMPARISON, _SMALLEST_COMPARISON = 400, 8
_RENDERED_COMPARISON = 64
_PHOTOS_EACH = 2


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


@dataclasses.dataclass(frozen=True)
class Samples:
    """Crops to take ranges from, and crops of other people to compare on.

    Ranges fit the crops that they were taken from: these would hide what int8 clips.

    Args:
        representative: uint8 (crops, height, width, 3), RGB; may be empty.
        compared: uint8 (crops, height, width, 3), RGB.
        people: Integer (crops,), the person of each of `compared`.
        record: What the contract says of them.
    """

    representative: np.ndarray
    compared: np.ndarray
    people: np.ndarray
    record: SampleRecord


def read_samples(
    directory: Path, pixel_contract: PixelContract, representative: int | None
) -> Samples:
    """Takes samples from a folder of aligned faces, a subfolder for each person.

    People are taken in turn, a crop each, until there are enough: no person counts more
    than another before everybody's crops are used up.

    Args:
        directory: Folder; what lies deeper counts for the folder that it is in.
        pixel_contract: Says how large the crops are.
        representative: Number of crops to take ranges from; 0 if none are needed, None
            for as many as there are, between 8 and 500.

    Raises: InputError if the folder is missing, holds too few crops, or one that is
        damaged or not of the contract's size.
    """
    if not directory.is_dir():
        raise InputError(f"no such folder of aligned faces: {directory}")
    people = defaultdict(list)
    for path in sorted(directory.rglob("*")):
        if is_photo(path.relative_to(directory).parts) and path.is_file():
            people[path.parent].append(path)
    names = sorted(people)
    held_out = names[::_HELD_OUT_SHARE]
    others = [name for name in names if name not in set(held_out)]
    wanted = REPRESENTATIVE if representative is None else representative
    ranges = _in_turn(people, others, wanted)
    if representative is None:
        representative = max(len(ranges), _SMALLEST_COMPARISON)
    # Two at a time: with one each there would be a gallery and no probe.
    compared = _in_turn(people, held_out, _LARGEST_COMPARISON, together=2)
    if len(compared) < _SMALLEST_COMPARISON or len(ranges) < representative:
        raise InputError(
            f"too few aligned faces in {directory}: {len(ranges)} of "
            f"{len(others)} people to take ranges from, {representative} are needed "
            f"(--representative N asks for fewer); {len(compared)} of {len(held_out)} "
            f"other people to compare on, {_SMALLEST_COMPARISON} are needed"
        )
    return _samples(
        [_read_crop(path, pixel_contract) for _, path in ranges],
        [name for name, _ in ranges],
        [_read_crop(path, pixel_contract) for _, path in compared],
        [name for name, _ in compared],
        rendered=False,
    )


def rendered_samples(
    pixel_contract: PixelContract, representative: int | None
) -> Samples:
    """Samples of people who do not exist; `representative` as for `read_samples`."""
    representative = REPRESENTATIVE if representative is None else representative
    count = _RENDERED_COMPARISON + representative
    faces = synthetic_faces(pixel_contract, -(-count // _PHOTOS_EACH))
    crops = [face.crop for face in itertools.islice(faces, count)]
    people = [index // _PHOTOS_EACH for index in range(count)]
    held_out = _RENDERED_COMPARISON
    return _samples(
        crops[held_out:],
        people[held_out:],
        crops[:held_out],
        people[:held_out],
        rendered=True,
    )


def synthetic_faces(
    pixel_contract: PixelContract,
    people: int,
    photos_each: int = _PHOTOS_EACH,
    crop: CropGeometry | None = None,
) -> Iterator[SampleFace]:
    """Renders people who do not exist, one by one; the same ones on every call.

    Args:
        pixel_contract: Says how large the crops are.
        people: How many.
        photos_each: How many photos of each.
        crop: The crops; None: those of the size, as `align` makes them by default.
    """
    from tf_sphereface.data.synthetic import (
        render_photo,
        sample_capture,
        sample_identity,
    )

    crop = pixel_contract.crop if crop is None else crop
    rng = np.random.default_rng(20170426)
    for _ in range(people):
        identity = sample_identity(rng)
        for _ in range(photos_each):
            photo = render_photo(identity, sample_capture(rng, max_yaw=30.0), size=250)
            aligned = align_face(photo.image, photo.landmarks, crop)
            yield SampleFace(photo.image, np.asarray(photo.landmarks), aligned)


def _read_crop(path, pixel_contract):
    crop = read_photo(path)
    expected = (pixel_contract.height, pixel_contract.width, 3)
    if crop.shape != expected:
        raise InputError(
            f"not an aligned face of {expected[0]} x {expected[1]} pixels (height x "
            f"width): {path} has {crop.shape[0]} x {crop.shape[1]}"
        )
    return crop


def _in_turn(people, names, count, together=1):
    """(person, path) of at most `count` crops: everybody's first, then the next."""
    most = max((len(people[name]) for name in names), default=0)
    pairs = (
        (name, path)
        for start in range(0, most, together)
        for name in names
        for path in people[name][start : start + together]
    )
    return list(itertools.islice(pairs, count))


def _samples(representative, representative_people, compared, people, rendered):
    shape = (0, *compared[0].shape)
    return Samples(
        np.stack(representative) if representative else np.zeros(shape, np.uint8),
        np.stack(compared),
        np.unique([str(person) for person in people], return_inverse=True)[1],
        SampleRecord(
            rendered=rendered,
            representative=len(representative),
            representative_people=len(set(representative_people)),
            compared=len(compared),
            compared_people=len(set(people)),
        ),
    )
