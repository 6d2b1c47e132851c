"""Matching photos with a bundle alone: what a phone does, without TensorFlow."""

from pathlib import Path

import numpy as np

from tf_sphereface.data.images import read_photo
from tf_sphereface.deployment.bundle import Bundle, load_bundle
from tf_sphereface.deployment.contract import threshold_key
from tf_sphereface.detection import Face, nearest_to_centre
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import align_face
from tf_sphereface.preprocessing import mirror


class FaceMatcher:
    """Detector, warp and embedding of one bundle.

    Args:
        bundle: What `load_bundle` gave.
        variant: Of the embedding network; None is the bundle's default.
        threads: CPU threads of the embedding network; None leaves it open.

    Raises: InputError if the bundle has no such variant.

    Example:
        matcher = FaceMatcher(load_bundle("bundle"))
        score = matcher.score(matcher.embed_photo(first), matcher.embed_photo(second))
    """

    def __init__(
        self, bundle: Bundle, variant: str | None = None, threads: int | None = None
    ):
        self.contract = bundle.contract
        self.variant = bundle.contract.default_variant if variant is None else variant
        self.thresholds = bundle.variant(self.variant).thresholds
        self._embedder = bundle.embedder(self.variant, threads)
        self._detector = bundle.detector()
        self._template = np.array(self.contract.landmark_template)

    def find_face(self, photo: np.ndarray) -> Face | None:
        """The face nearest the middle of a uint8 RGB photo, or None."""
        faces = self._detector.detect([photo])[0]
        return nearest_to_centre(faces, photo.shape[0], photo.shape[1])

    def embed_face(self, photo: np.ndarray, face: Face) -> np.ndarray:
        """The feature of a face that was found in a photo.

        Returns: Float32 (embedding_dim,), or twice as long under the mirror policy: the
            embedding of the crop, then that of its mirror image.
        """
        pixels = self.contract.pixels
        crop = align_face(
            photo, face.landmarks, self._template, pixels.height, pixels.width
        )
        crops = np.stack([crop, mirror(crop)] if self.contract.mirror else [crop])
        return self._embedder.embed(crops).ravel()

    def embed_photo(self, photo: np.ndarray) -> np.ndarray:
        """The feature of the face nearest the middle of a photo.

        Args:
            photo: uint8 (height, width, 3), RGB.

        Returns: As `embed_face`.
        Raises: InputError if there is no face.
        """
        face = self.find_face(photo)
        if face is None:
            raise InputError("no face found in the photo")
        return self.embed_face(photo, face)

    def score(self, first: np.ndarray, second: np.ndarray) -> float:
        """Cosine of two features, -1..1; higher is more alike.

        Raises: ValueError if a feature has length zero or is not finite.
        """
        first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
        norms = np.linalg.norm(first) * np.linalg.norm(second)
        if not (np.isfinite(norms) and norms > 0):
            raise ValueError("a feature must be finite and not zero")
        return float(np.clip(first @ second / norms, -1, 1))

    def threshold(self, far: float) -> float | None:
        """The threshold measured with this variant at a FAR; None if none was measured.

        Raises: InputError if thresholds were measured, but not at this FAR.
        """
        if self.thresholds is None:
            return None
        key = threshold_key(far)
        if key not in self.thresholds:
            raise InputError(
                f"no threshold at FAR {far:g} in the bundle; it has: "
                + ", ".join(sorted(self.thresholds))
            )
        return self.thresholds[key]


def match_photos(
    bundle_path: Path,
    photo_paths: tuple[Path, Path],
    variant: str | None = None,
    far: float = 0.01,
) -> dict:
    """Compares the faces of two photos; ready for JSON.

    Returns: `score`; `threshold` and `same`, both None if the bundle has no measured
        threshold; `far`, `variant`, and `faces`: photo, box (x1, y1, x2, y2 in pixels)
        and detection score of both.
    Raises: InputError if the bundle or a photo is unusable, or shows no face.
    """
    matcher = FaceMatcher(load_bundle(bundle_path), variant)
    threshold = matcher.threshold(far)
    photos = [read_photo(path) for path in photo_paths]
    features, faces = [], []
    for path, photo in zip(photo_paths, photos, strict=True):
        face = matcher.find_face(photo)
        if face is None:
            raise InputError(f"no face found: {path}")
        features.append(matcher.embed_face(photo, face))
        box = [round(float(value), 1) for value in face.box]
        faces.append({"photo": str(path), "box": box, "score": float(face.score)})
    score = matcher.score(*features)
    return {
        "score": score,
        "threshold": threshold,
        "same": None if threshold is None else score >= threshold,
        "far": far,
        "variant": matcher.variant,
        "faces": faces,
    }
