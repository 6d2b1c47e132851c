"""Comparison of two photos with a bundle, as `sphereface match` prints it."""

from pathlib import Path
from typing import Literal

from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.calibration import decide
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.errors import InputError


def match_photos(
    bundle_path: Path,
    photo_paths: tuple[Path, Path],
    variant: str | None = None,
    far: float = 0.01,
    choose: Literal["centre", "largest"] = "centre",
) -> dict:
    """Compares the faces of two photos; ready for JSON.

    Args:
        bundle_path: Folder of the bundle.
        photo_paths: The two photos.
        variant: Of the embedding network; None is the bundle's default.
        far: False accept rate whose threshold decides.
        choose: The face nearest a photo's middle, or the largest, if there are several.

    Returns: `score`; `threshold`, `same` and `decision` ("same", "different" or
        "unknown", as `decide` has it), all None if the bundle has no measured
        threshold; `probability` of one person, None if the bundle is not calibrated;
        `far`, `variant`, and `faces`: photo, box (x1, y1, x2, y2 in pixels) and
        detection score of both.
    Raises: InputError if the bundle or a photo is unusable, the variant failed its
        gate, or a photo shows no face.
    """
    embedder = Embedder(load_bundle(bundle_path), variant)
    threshold = embedder.threshold(far)
    photos = [read_photo(path) for path in photo_paths]
    features, faces = embedder.embed_photos(photos, choose)
    for path, face in zip(photo_paths, faces, strict=True):
        if face is None:
            raise InputError(f"no face found: {path}")
    score, known = embedder.score(*features), embedder.calibration
    return {
        "score": score,
        "threshold": threshold,
        "same": None if threshold is None else score >= threshold,
        "decision": decide(score, threshold, known),
        "probability": None if known is None else known.probability.probability(score),
        "far": far,
        "variant": embedder.variant,
        "faces": [_described(*found) for found in zip(photo_paths, faces, strict=True)],
    }


def _described(path, face):
    box = [round(float(value), 1) for value in face.box]
    return {"photo": str(path), "box": box, "score": float(face.score)}
