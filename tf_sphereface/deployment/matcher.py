"""Matching photos with a bundle alone: what a phone does, without TensorFlow."""

import math
from pathlib import Path

import numpy as np

from tf_sphereface.data.images import read_photo
from tf_sphereface.deployment.bundle import Bundle, load_bundle
from tf_sphereface.deployment.calibration import decide
from tf_sphereface.deployment.contract import threshold_key
from tf_sphereface.detection import Face, nearest_to_centre
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry, align_face
from tf_sphereface.preprocessing import mirror


class FaceMatcher:
    """Detector, warp and embedding of one bundle.

    A score is the cosine of two features; two faces are taken for one person if it is
    at least the threshold of the chosen FAR.

    Args:
        bundle: What `load_bundle` gave.
        variant: Of the embedding network; None is the bundle's default.
        threads: CPU threads of the embedding network; None leaves it open.

    Raises: TypeError if `bundle` is no Bundle; InputError if it has no such variant.

    Example:
        from tf_sphereface.data.images import read_photo
        from tf_sphereface.deployment import FaceMatcher, load_bundle

        matcher = FaceMatcher(load_bundle("bundle"))
        first = matcher.embed_photo(read_photo("first.jpg"))
        second = matcher.embed_photo(read_photo("second.jpg"))
        score = matcher.score(first, second)  # -1..1
        threshold = matcher.threshold(far=0.01)  # None if none was measured
        same = threshold is not None and score >= threshold
    """

    def __init__(
        self, bundle: Bundle, variant: str | None = None, threads: int | None = None
    ):
        if not isinstance(bundle, Bundle):
            raise TypeError(
                "`bundle` must be a Bundle: read a folder with load_bundle(path). "
                f"Received: bundle={bundle!r}"
            )
        self.contract = bundle.contract
        self.variant = bundle.contract.default_variant if variant is None else variant
        self.thresholds = bundle.variant(self.variant).thresholds
        self.calibration = bundle.variant(self.variant).calibration
        self._embedder = bundle.embedder(self.variant, threads)
        self._detector = bundle.detector()
        pixels, template = self.contract.pixels, self.contract.landmark_template
        self._crop = CropGeometry(pixels.height, pixels.width, template)

    def find_face(self, photo: np.ndarray) -> Face | None:
        """The face nearest the middle of a photo.

        Args:
            photo: uint8 (height, width, 3), RGB, as `read_photo` gives it.

        Returns: The face, or None if there is none.
        Raises: TypeError if `photo` is no array, such as a path; ValueError if it has
            another shape or dtype.
        """
        _require_array(photo)
        faces = self._detector.detect([photo])[0]
        return nearest_to_centre(faces, photo.shape[0], photo.shape[1])

    def embed_face(self, photo: np.ndarray, face: Face) -> np.ndarray:
        """The feature of a face that was found in a photo.

        Args:
            photo: uint8 (height, width, 3), RGB.
            face: What `find_face` gave for this photo.

        Returns: Float32 (feature_dim,), not L2-normalised. feature_dim is the bundle's
            embedding_dim, or twice that under the mirror policy: the embedding of the
            crop, then that of its mirror image.
        Raises: TypeError if `photo` is no array.
        """
        _require_array(photo)
        crop = align_face(photo, face.landmarks, self._crop)
        crops = np.stack([crop, mirror(crop)] if self.contract.mirror else [crop])
        return self._embedder.embed(crops).ravel()

    def embed_photo(self, photo: np.ndarray) -> np.ndarray:
        """The feature of the face nearest the middle of a photo.

        Args:
            photo: uint8 (height, width, 3), RGB, as `read_photo` gives it.

        Returns: Float32 (feature_dim,), as `embed_face`.
        Raises: InputError if there is no face; TypeError if `photo` is no array, such
            as a path; ValueError if it has another shape or dtype.
        """
        face = self.find_face(photo)
        if face is None:
            raise InputError("no face found in the photo")
        return self.embed_face(photo, face)

    def score(self, first: np.ndarray, second: np.ndarray) -> float:
        """Cosine of two features; higher is more alike.

        Args:
            first: Float (feature_dim,), as `embed_photo` gives it, of any length > 0.
            second: Float (feature_dim,), of the other face.

        Returns: Float, -1..1, to be compared with `threshold`.
        Raises: ValueError if the shapes are others, or if a feature has length zero or
            is not finite.
        """
        first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
        if first.ndim != 1 or first.shape != second.shape:
            raise ValueError(
                "`first` and `second` must both be (feature_dim,). "
                f"Received: first={first.shape}, second={second.shape}"
            )
        norms = np.linalg.norm(first) * np.linalg.norm(second)
        if not (np.isfinite(norms) and norms > 0):
            raise ValueError("a feature must be finite and not zero")
        return float(np.clip(first @ second / norms, -1, 1))

    def threshold(self, far: float) -> float | None:
        """The threshold measured with this variant at a FAR.

        Args:
            far: False accept rate, a fraction above 0 and at most 1.

        Returns: The least score, -1..1, of one person; None if no threshold was
            measured for this bundle.
        Raises: InputError if `far` is no such fraction, or if thresholds were measured,
            but not at this FAR.
        """
        return measured_threshold(self.thresholds, far)


def measured_threshold(thresholds: dict[str, float] | None, far: float) -> float | None:
    """The threshold at a FAR among those of a variant, as `FaceMatcher.threshold`."""
    if not 0 < far <= 1:
        raise InputError(f"a FAR must be above 0 and at most 1. Received: {far:g}")
    if thresholds is None:
        return None
    key = threshold_key(far)
    if key not in thresholds:
        raise InputError(_no_threshold(far, thresholds))
    return thresholds[key]


def _require_array(photo):
    if not isinstance(photo, np.ndarray):
        raise TypeError(
            "`photo` must be a uint8 array (height, width, 3), RGB: read a file with "
            "tf_sphereface.data.images.read_photo(path). "
            f"Received: {type(photo).__name__}"
        )


def _no_threshold(far, thresholds):
    measured = sorted(
        float(key.removeprefix("far_")) for key in thresholds if key.startswith("far_")
    )
    message = f"the bundle has no threshold at FAR {far:g}"
    if measured:
        nearest = min(measured, key=lambda other: abs(math.log(other / far)))
        listed = ", ".join(f"{other:g}" for other in measured)
        message += f"; it has FAR {listed}: say --far {nearest:g}"
    needed = math.ceil(1 / far - 1e-9 / far)
    return f"{message} (a FAR of {far:g} needs {needed} impostor pairs to measure)"


def match_photos(
    bundle_path: Path,
    photo_paths: tuple[Path, Path],
    variant: str | None = None,
    far: float = 0.01,
) -> dict:
    """Compares the faces of two photos; ready for JSON.

    Returns: `score`; `threshold`, `same` and `decision` ("same", "different" or
        "unknown", as `decide` has it), all None if the bundle has no measured
        threshold; `probability` of one person, None if the bundle is not calibrated;
        `far`, `variant`, and `faces`: photo, box (x1, y1, x2, y2 in pixels) and
        detection score of both.
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
    score, known = matcher.score(*features), matcher.calibration
    return {
        "score": score,
        "threshold": threshold,
        "same": None if threshold is None else score >= threshold,
        "decision": decide(score, threshold, matcher.calibration),
        "probability": None if known is None else known.probability.probability(score),
        "far": far,
        "variant": matcher.variant,
        "faces": faces,
    }
