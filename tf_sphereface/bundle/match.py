"""Comparison of two photos with a bundle, as `sphereface match` prints it."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.calibration import decide
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.data.alignment.crops import CHOICES, choose_faces
from tf_sphereface.data.alignment.photo_aligner import (
    MOST_PIXELS,
    align_large,
    enlarged,
)
from tf_sphereface.data.photos.images import decode_photo, read_content
from tf_sphereface.detection import Face
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class _Photo:
    """Faces of a photo, in its pixels, with their features (faces, feature_dim)."""

    path: Path
    faces_found: int
    faces: list[Face]
    features: np.ndarray


def match_photos(
    bundle_path: Path,
    photo_paths: tuple[Path, Path],
    variant: str | None = None,
    far: float = 0.01,
    choose: Literal["all", "centre", "largest"] = "all",
    trust: Path | None = None,
) -> dict:
    """Compares the faces of two photos; ready for JSON.

    Every face of the one photo is compared with every face of the other, and the pair
    of the highest score is told. As each pair may be accepted falsely, m x n pairs are
    at up to m n times the rate of one. Photos of many pixels are reduced as `align`
    does it.

    Args:
        bundle_path: Folder of the bundle.
        photo_paths: The two photos.
        variant: Of the embedding network; None is the bundle's default.
        far: False accept rate of a pair of faces, whose threshold decides.
        choose: Faces of a photo that are compared: "all", the one nearest its middle
            ("centre"), or the largest.
        trust: Public key that must have signed the bundle, as for `load_bundle`.

    Returns: `score`; `threshold`, `same` and `decision` ("same", "different" or
        "unknown", as `decide` has it), all None if the bundle has no measured
        threshold; `probability` of one person, None if the bundle is not calibrated;
        `far`, `variant`, and `faces`: photo, box (x1, y1, x2, y2 in pixels), detection
        score and `faces_found`, the number of faces in the photo, of both.
    Raises: InputError if the bundle or a photo is unusable, the variant failed its
        gate, or a photo shows no face; ValueError if `choose` is unknown.
    """
    if choose not in CHOICES:
        raise ValueError(f"`choose` must be one of {CHOICES}. Received: {choose=}")
    embedder = Embedder(load_bundle(bundle_path, trust), variant)
    threshold = embedder.threshold(far)
    photos = [_read(path, embedder, choose) for path in photo_paths]
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
            _described(photo, photo.faces[index])
            for photo, index in zip(photos, best, strict=True)
        ],
    }


def _read(path, embedder, choose):
    content, name = read_content(path), str(path)
    picture = decode_photo(content, name, MOST_PIXELS)
    found = embedder.find_faces(picture.pixels)
    if not found:
        raise InputError(f"no face found: {path}")
    found = [enlarged(face, picture) for face in found]
    height, width = (side * picture.reduction for side in picture.pixels.shape[:2])
    faces = choose_faces(found, choose, height, width)
    crops = [
        align_large(name, picture, content, face.landmarks, embedder.crop)
        for face in faces
    ]
    features = embedder.embed_crops(np.stack(crops))
    if not (np.isfinite(features).all() and features.any(axis=1).all()):
        raise InputError(
            f"the network {embedder.variant} of the bundle is unusable: of {path} it "
            "gives a feature that is not finite, or zero"
        )
    return _Photo(path, len(found), faces, features)


def _described(photo, face):
    return {
        "photo": str(photo.path),
        "box": [round(float(value), 1) for value in face.box],
        "score": float(face.score),
        "faces_found": photo.faces_found,
    }
