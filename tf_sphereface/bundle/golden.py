"""The golden faces of a bundle: what any runtime must compute again."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from tf_sphereface.bundle.contained_files import read_contained
from tf_sphereface.bundle.contract import Landmarks
from tf_sphereface.bundle.features import CropEmbedder
from tf_sphereface.bundle.records import Drift, FileName
from tf_sphereface.bundle.variants import is_exact
from tf_sphereface.data.photos.images import LARGEST_PHOTO, decode_photo
from tf_sphereface.errors import InputError

# |a - b| / |b| of embeddings. Other processors round sums in another order, and integer
# kernels make steps of that: two may differ as much as rounding to integers does at
# all, which is the drift of the variant. Runtimes of 2023 and 2026 differ by up to 0.06
# where a network is untrained; one that computes something else is more than 1 away.
FLOAT_TOLERANCE, LEAST_INTEGER_TOLERANCE = 0.01, 0.1

Picture = Literal["photo", "crop"]
_PICTURES = "photo", "crop"


class DetectedFace(BaseModel):
    """The face that the bundle's detector finds in the photo."""

    box: Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
    """x1, y1, x2, y2, pixels of the photo."""
    score: float
    """Probability of a face."""
    landmarks: Landmarks
    """x, y of the five landmarks, pixels of the photo."""


class _Sums(BaseModel):
    photo: str
    crop: str


class GoldenFace(BaseModel):
    """One face, and the result of each step from photo to embedding."""

    photo: FileName
    """Its photo."""
    crop: FileName
    """The aligned face."""
    sha256: _Sums
    """Of the two files."""
    detected: DetectedFace | None
    """Box, score and landmarks that the detector gives; None if it finds no face."""
    landmarks: Landmarks
    """True landmarks, by which the crop was cut."""
    embeddings: dict[str, tuple[float, ...]]  # not finite ones are differences
    """Of the crop, by the variant."""


class _GoldenFile(BaseModel):
    faces: tuple[GoldenFace, ...]


class GoldenFaces:
    """The content of golden.json, and the pictures that it names.

    Args:
        folder: Of the bundle.
        file: Name of golden.json in it.
        content: Of that file.

    Attributes:
        faces: Tuple of `GoldenFace`.

    Raises: InputError if the content is damaged.
    """

    def __init__(self, folder: Path, file: str, content: bytes):
        self._folder = folder
        try:
            self.faces = _GoldenFile.model_validate_json(content).faces
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(
                f"damaged golden file: {folder / file} ({place}: {first['msg']})"
            ) from error

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 by the file, of all pictures."""
        return {
            getattr(face, kind): getattr(face.sha256, kind)
            for face in self.faces
            for kind in _PICTURES
        }

    def picture(self, face: GoldenFace, kind: Picture) -> np.ndarray:
        """Pixels of a picture, uint8 (height, width, 3), RGB.

        Raises: InputError if the file is missing or changed.
        """
        file = getattr(face, kind)
        content = read_contained(self._folder, file, LARGEST_PHOTO)
        if hashlib.sha256(content).hexdigest() != getattr(face.sha256, kind):
            raise InputError(f"{file}: its checksum differs")
        return decode_photo(content, file).pixels

    def is_intact(self, face: GoldenFace) -> bool:
        """True if both pictures are there and unchanged."""
        try:
            for kind in _PICTURES:
                self.picture(face, kind)
        except InputError:
            return False
        return True

    def embedding_difference(
        self, face: GoldenFace, name: str, drift: Drift, embedder: CropEmbedder
    ) -> str | None:
        """Difference of a face's embedding from the stored one, in a line.

        Args:
            face: One of `faces`.
            name: Of the variant.
            drift: Of the variant, which the tolerance depends on.
            embedder: Its network.

        Raises: InputError as `picture`.
        """
        crop = self.picture(face, "crop")
        try:
            (embedding,) = embedder.embed(crop[None])
        except ValueError as error:  # a picture of another size
            return f"{name} cannot embed its crop ({error})"
        if name not in face.embeddings:
            return f"it has no embedding of {name}"
        return embedding_difference(name, drift, embedding, face.embeddings[name])


def embedding_difference(name, drift: Drift, embedding, expected) -> str | None:
    """Difference of an embedding from the stored one, in a line.

    Args:
        name: Of the variant.
        drift: Of the variant.
        embedding: Float (embedding_dim,), computed now.
        expected: The stored one.
    """
    expected = np.asarray(expected, np.float64)
    if expected.shape != embedding.shape:
        return f"{name} gives {embedding.size} numbers, not {expected.size}"
    with np.errstate(over="ignore", invalid="ignore"):  # NaN differs
        length = np.linalg.norm(expected) or np.nan
        away = np.linalg.norm(embedding - expected) / length
    tolerance = _tolerance(name, drift)
    if away <= tolerance:
        return None
    return (
        f"the embedding of {name} is {away:.2g} of its length away, the tolerance is "
        f"{tolerance:g}"
    )


def _tolerance(name, drift):
    if is_exact(name):
        return FLOAT_TOLERANCE
    # Unit vectors of a cosine c are sqrt(2 - 2 c) apart.
    return max(LEAST_INTEGER_TOLERANCE, float(np.sqrt(2 - 2 * drift.min_cosine)))
