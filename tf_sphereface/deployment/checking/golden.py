"""The golden faces of a bundle, computed again: detect, warp, embed."""

import hashlib
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.contained_files import read_contained
from tf_sphereface.bundle.contract import Landmarks
from tf_sphereface.bundle.records import FileName
from tf_sphereface.data.photos.images import LARGEST_PHOTO, decode_photo
from tf_sphereface.deployment.quantization.variants import is_exact
from tf_sphereface.detection import nearest_to_centre
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import align_face

# Other processors round sums in another order; integer kernels make steps of that.
LANDMARK_TOLERANCE = 0.1  # pixels of the photo
CROP_TOLERANCE = 1  # grey levels of 255
# |a - b| / |b| of embeddings. Two processors may differ as much as rounding to integers
# does at all, which is the drift of the variant.
FLOAT_TOLERANCE, LEAST_INTEGER_TOLERANCE = 0.01, 0.05

_PICTURES = ("photo", "crop")


class _Detected(BaseModel):
    box: Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
    score: float
    landmarks: Landmarks


class _Sums(BaseModel):
    photo: str
    crop: str


class _GoldenFace(BaseModel):
    photo: FileName
    crop: FileName
    sha256: _Sums
    detected: _Detected | None
    landmarks: Landmarks
    embeddings: dict[str, tuple[float, ...]]  # not finite ones are differences


class _GoldenFile(BaseModel):
    faces: tuple[_GoldenFace, ...]


def read_golden(bundle: Bundle) -> list[dict[str, Any]]:
    """The entries of golden.json.

    Raises: InputError if it is damaged.
    """
    path = bundle.path / bundle.contract.golden.file
    content = bundle.content(bundle.contract.golden)
    try:
        golden = _GoldenFile.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"damaged golden file: {path} ({place}: {first['msg']})"
        ) from error
    return golden.model_dump()["faces"]


def golden_files(faces: list[dict[str, Any]]) -> dict[str, str]:
    """SHA-256 by the file, of all pictures."""
    return {face[kind]: face["sha256"][kind] for face in faces for kind in _PICTURES}


def golden_differences(
    bundle: Bundle, faces: list[dict[str, Any]], variants: list[str]
) -> list[str]:
    """Differences between the recomputed and the stored golden results.

    Each step begins with what the golden file has of the step before, so that a
    difference is reported where it arises. Faces with changed pictures are left out.

    Args:
        bundle: Its detector and variants are used.
        faces: What `read_golden` gave.
        variants: Names of those to check.
    """
    intact = [(n, face) for n, face in enumerate(faces) if _is_intact(bundle, face)]
    differences = []
    detector = bundle.detector()
    for number, face in intact:
        photo = _picture(bundle, face, "photo")
        found = _detection_difference(detector, photo, face["detected"])
        found = found or _crop_difference(bundle, photo, face)
        if found:
            differences.append(f"golden face {number}: {found}")
    if intact:
        for name in variants:
            differences += _embedding_differences(bundle, intact, name)
    return differences


def _is_intact(bundle, face):
    try:
        return all(_content(bundle, face, kind) for kind in _PICTURES)
    except InputError:
        return False


def _picture(bundle, face, kind):
    return decode_photo(_content(bundle, face, kind), face[kind]).pixels


def _content(bundle, face, kind):
    """The bytes that were compared with their checksum."""
    content = read_contained(bundle.path, face[kind], LARGEST_PHOTO)
    if hashlib.sha256(content).hexdigest() != face["sha256"][kind]:
        raise InputError(f"{face[kind]}: its checksum differs")
    return content


def _detection_difference(detector, photo, expected):
    (faces,) = detector.detect([photo])
    face = nearest_to_centre(faces, *photo.shape[:2])
    if face is None or expected is None:
        if (face is None) == (expected is None):
            return None
        return f"the detector finds {'no' if face is None else 'a'} face"
    shift = np.asarray(face.landmarks) - np.asarray(expected["landmarks"])
    distance = np.linalg.norm(shift, axis=1).max()
    if distance <= LANDMARK_TOLERANCE:
        return None
    return (
        f"a landmark is found {distance:.2f} pixels away, the tolerance is "
        f"{LANDMARK_TOLERANCE}"
    )


def _crop_difference(bundle, photo, face):
    try:
        crop = align_face(photo, np.asarray(face["landmarks"]), bundle.contract.crop)
    except ValueError as error:  # points that coincide, a size of no crop
        return f"no crop can be cut ({error})"
    expected = _picture(bundle, face, "crop")
    if crop.shape != expected.shape:
        return f"the crop is {crop.shape}, not {expected.shape}"
    away = int(np.abs(crop.astype(int) - expected.astype(int)).max())
    if away <= CROP_TOLERANCE:
        return None
    return f"the crop is {away} grey levels away, the tolerance is {CROP_TOLERANCE}"


def _embedding_differences(bundle, intact, name):
    embedder = bundle.embedder(name, threads=1)
    tolerance = _tolerance(name, bundle.variant(name).drift)
    for number, face in intact:
        try:
            crop = _picture(bundle, face, "crop")
            (embedding,) = embedder.embed(crop[None])
        except ValueError as error:  # a picture of another size
            yield f"golden face {number}: {name} cannot embed its crop ({error})"
            continue
        if name not in face["embeddings"]:
            yield f"golden face {number}: it has no embedding of {name}"
            continue
        expected = np.asarray(face["embeddings"][name], np.float64)
        if expected.shape != embedding.shape:
            yield (
                f"golden face {number}: {name} gives {embedding.size} numbers, not "
                f"{expected.size}"
            )
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # NaN differs
            length = np.linalg.norm(expected) or np.nan
            away = np.linalg.norm(embedding - expected) / length
        if not away <= tolerance:
            yield (
                f"golden face {number}: the embedding of {name} is {away:.2g} of its "
                f"length away, the tolerance is {tolerance:g}"
            )


def _tolerance(name, drift):
    if is_exact(name):
        return FLOAT_TOLERANCE
    # Unit vectors of a cosine c are sqrt(2 - 2 c) apart.
    return max(LEAST_INTEGER_TOLERANCE, float(np.sqrt(2 - 2 * drift.min_cosine)))
