"""Faces of photo files with their features, and comparisons of photos by them."""

import dataclasses
import os
from collections import Counter
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from tf_sphereface.bundle.calibration import Calibration, decide
from tf_sphereface.data.alignment.crops import CHOICES, choose_faces
from tf_sphereface.data.alignment.photo_aligner import (
    MOST_PIXELS,
    align_large,
    enlarged,
)
from tf_sphereface.data.photos.folders import photos_below
from tf_sphereface.data.photos.images import decode_photo, read_content
from tf_sphereface.detection import Face
from tf_sphereface.errors import InputError, NoFaceError
from tf_sphereface.geometry import CropGeometry, align_face
from tf_sphereface.progress import Progress

Choice = Literal["all", "centre", "largest"]


class PhotoEmbedder(Protocol):
    """The part of `Embedder` that comparisons need."""

    variant: str
    calibration: Calibration | None
    crop: CropGeometry

    def find_faces(self, photo: np.ndarray) -> list[Face]: ...
    def embed_crops(self, crops: np.ndarray) -> np.ndarray: ...
    def compare(self, features: np.ndarray, gallery: np.ndarray) -> np.ndarray: ...
    def threshold(self, far: float) -> float | None: ...


@dataclasses.dataclass(frozen=True)
class PhotoFaces:
    """Chosen faces of a photo.

    Args:
        path: The file; of a picture in memory its name.
        faces_found: How many faces it has.
        faces: The chosen ones, in its pixels.
        crops: uint8 (faces, height, width, 3), RGB, aligned.
        features: Float32 (faces, feature_dim), finite and not zero.
    """

    path: Path
    faces_found: int
    faces: list[Face]
    crops: np.ndarray
    features: np.ndarray

    def described(self, index: int) -> dict:
        """A face, ready for JSON: photo, box in pixels, score, and `faces_found`."""
        face = self.faces[index]
        return {
            "photo": str(self.path),
            "box": [round(float(value), 1) for value in face.box],
            "score": float(face.score),
            "faces_found": self.faces_found,
        }


def read_faces(
    embedder: PhotoEmbedder, path: Path, choose: Choice = "all"
) -> PhotoFaces:
    """The faces of a photo file; one of many pixels is reduced as `align` does it.

    Args:
        embedder: Of the bundle.
        path: The file.
        choose: "all", the nearest to the middle first; that one alone ("centre"), or
            the largest.

    Raises: InputError if the file is no photo or shows no face, or the network gives a
        feature that cannot be compared; ValueError if `choose` is unknown.
    """
    if choose not in CHOICES:
        raise ValueError(f"`choose` must be one of {CHOICES}. Received: {choose=}")
    content, name = read_content(path), str(path)
    picture = decode_photo(content, name, MOST_PIXELS)
    found = embedder.find_faces(picture.pixels)
    if not found:
        raise NoFaceError(f"no face found: {path}")
    found = [enlarged(face, picture) for face in found]
    height, width = (side * picture.reduction for side in picture.pixels.shape[:2])
    faces = choose_faces(found, choose, height, width)
    crops = np.stack(
        [
            align_large(name, picture, content, face.landmarks, embedder.crop)
            for face in faces
        ]
    )
    return _with_features(embedder, Path(path), len(found), faces, crops)


def faces_of_picture(
    embedder: PhotoEmbedder, pixels: np.ndarray, name: str, choose: Choice = "all"
) -> PhotoFaces:
    """The faces of a picture in memory, such as one of a camera; perhaps none.

    Args:
        embedder: Of the bundle.
        pixels: uint8 (height, width, 3), RGB, upright.
        name: For messages.
        choose: As for `read_faces`.

    Raises: InputError if the network gives a feature that cannot be compared.
    """
    found = embedder.find_faces(pixels)
    faces = choose_faces(found, choose, *pixels.shape[:2])
    crops = np.empty((len(faces), embedder.crop.height, embedder.crop.width, 3), "u1")
    for crop, face in zip(crops, faces, strict=True):
        crop[:] = align_face(pixels, face.landmarks, embedder.crop)
    return _with_features(embedder, Path(name), len(found), faces, crops)


def _with_features(embedder, path, found, faces, crops):
    features = embedder.embed_crops(crops)
    if not (np.isfinite(features).all() and features.any(axis=1).all()):
        raise InputError(
            f"the network {embedder.variant} of the bundle is unusable: of {path} it "
            "gives a feature that is not finite, or zero"
        )
    return PhotoFaces(path, found, faces, crops, features)


def compare_photos(
    embedder: PhotoEmbedder,
    paths: tuple[Path, Path],
    far: float = 0.01,
    choose: Choice = "all",
) -> dict:
    """Compares the faces of two photos, as `match_photos` describes it."""
    threshold = embedder.threshold(far)
    photos = [read_faces(embedder, path, choose) for path in paths]
    scores = embedder.compare(*(photo.features for photo in photos))
    best = np.unravel_index(np.argmax(scores), scores.shape)
    score, known = float(scores[best]), embedder.calibration
    return {
        "score": score,
        "threshold": threshold,
        "same": None if threshold is None else score >= threshold,
        "decision": decide(score, threshold, known),
        "probability": None if known is None else known.probability.probability(score),
        "far": far,
        "variant": embedder.variant,
        "faces": [
            photo.described(index) for photo, index in zip(photos, best, strict=True)
        ],
    }


def find_person(
    embedder: PhotoEmbedder,
    photo: Path,
    folder: Path,
    far: float = 0.01,
    choose: Literal["centre", "largest"] = "centre",
    most: int = 10,
    progress: Progress | None = None,
) -> dict:
    """Finds the photos of a folder that show a person.

    All faces of all photos in the folder and below it are compared with one face of the
    photo. As each comparison may be a false acceptance, N of them have up to N x FAR.

    Args:
        embedder: Of the bundle.
        photo: Of the person.
        folder: Is searched; the photo itself is left out if it is there.
        far: False accept rate of a pair of faces, whose threshold decides.
        choose: Face of the photo: the nearest to its middle, or the largest.
        most: Number of photos to give.
        progress: Called with the photos done and the photos in all.

    Returns: `photo`, the face as `match_photos` has it; `threshold`, `far`, `variant`;
        `photos`, `faces`, numbers of those that were compared; `passed_over`, numbers
        of other photos by the reason; and `matches`, a dict each of the photos with the
        highest scores, highest first: photo, box, detection `confidence`, `score` and
        `decision` as `decide` has it.
    Raises: InputError if the photo shows no face, or the folder has no photo.
    """
    threshold = embedder.threshold(far)
    probe = read_faces(embedder, photo, choose)
    paths = [Path(folder, name) for name in photos_below(Path(folder))]
    paths = [path for path in paths if not _is_same(path, photo)]
    matches, faces, passed_over = [], 0, Counter()
    for done, path in enumerate(paths, start=1):
        try:
            found = read_faces(embedder, path)
        except InputError as error:
            passed_over[str(error).partition(":")[0]] += 1
        else:
            scores = embedder.compare(probe.features, found.features)[0]
            faces += len(scores)
            matches.append(_match(found, scores, threshold, embedder.calibration))
        if progress is not None:
            progress(done, len(paths))
    return {
        "photo": probe.described(0),
        "threshold": threshold,
        "far": far,
        "variant": embedder.variant,
        "photos": len(matches),
        "faces": faces,
        "passed_over": dict(passed_over),
        "matches": sorted(matches, key=lambda match: -match["score"])[:most],
    }


def _is_same(path, other):
    try:
        return os.path.samefile(path, other)
    except OSError:  # a link that leads nowhere; the reader says so
        return False


def _match(found, scores, threshold, calibration):
    index = int(np.argmax(scores))
    described = found.described(index)
    return {
        "photo": described["photo"],
        "box": described["box"],
        "confidence": described["score"],
        "score": float(scores[index]),
        "decision": decide(float(scores[index]), threshold, calibration),
    }
