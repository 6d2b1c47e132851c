"""Features and scores of photos with a bundle, without TensorFlow."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tf_sphereface.bundle.bundle import Bundle, load_bundle
from tf_sphereface.bundle.face_aligner import FaceAligner
from tf_sphereface.bundle.features import FeatureSource, require_crops
from tf_sphereface.bundle.photo_faces import compare_photos, find_person
from tf_sphereface.bundle.scores import cosine_scores, measured_threshold
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.detection import Face
from tf_sphereface.errors import InputError
from tf_sphereface.similarity import usable_cores

_MOST_THREADS = 4  # that are taken without being asked for
Photo = np.ndarray | str | os.PathLike


class Embedder:
    """Detector, similarity warp and embedding network of one bundle, as on a phone.

    The feature of a face is as the bundle's mirror policy has it: the embedding of the
    crop, that followed by the embedding of the mirror image, or the mean of the two. A
    score is the cosine of two features; two faces are taken for one person if it is at
    least the threshold of the chosen FAR. The same photo gives the same feature, bit by
    bit, in any batch and with any number of threads.

    An object serves one thread at a time; programs with several threads take one object
    for each, or a lock.

    Args:
        bundle: Folder of the bundle, or what `load_bundle` gave.
        variant: Of the embedding network; None is the bundle's default.
        threads: CPU threads; None is one for each core, at most 4.

    Attributes:
        contract: The bundle's contract.
        variant: Name of the variant.
        calibration: Calibration of its scores; None if the bundle is not calibrated.
        crop: `CropGeometry` of its crops.
        feature_dim: Length of a feature, int.

    Raises: InputError if the bundle is unusable, has no such variant, or the variant
        failed its gate; TypeError if `bundle` is neither; ValueError if `threads` is
        less than 1.

    Example:
        from tf_sphereface import Embedder

        embedder = Embedder("bundle")
        same = embedder.verify("first.jpg", "second.jpg")["same"]
        matches = embedder.find("first.jpg", "photos")["matches"]

        first = embedder.embed_photo("first.jpg")
        second = embedder.embed_photo("second.jpg")
        score = embedder.score(first, second)  # -1..1
        threshold = embedder.threshold(far=0.01)  # None if none was measured
        same = threshold is not None and score >= threshold
    """

    def __init__(
        self,
        bundle: Bundle | Path | str,
        variant: str | None = None,
        threads: int | None = None,
    ):
        if isinstance(bundle, str | Path):
            bundle = load_bundle(Path(bundle))
        if not isinstance(bundle, Bundle):
            raise TypeError(
                "`bundle` must be a folder or a Bundle that load_bundle(path) gave. "
                f"Received: bundle={bundle!r}"
            )
        if threads is None:
            threads = min(usable_cores(), _MOST_THREADS)
        self.contract = bundle.contract
        self.variant = bundle.contract.default_variant if variant is None else variant
        self._record = bundle.variant(self.variant)
        _require_passed(self.variant, bundle.contract)
        self.calibration = self._record.calibration
        self.feature_dim = bundle.contract.feature_dim
        network = bundle.embedder(self.variant, threads)
        self._network = FeatureSource(network, self.contract.feature)
        self.crop = self.contract.crop
        self._aligner = FaceAligner(bundle.detector, self.crop, threads)

    def find_faces(
        self, photo: Photo, choose: Literal["centre", "largest", "all"] = "all"
    ) -> list[Face]:
        """The faces of a photo, the nearest to its middle first.

        Args:
            photo: File, or uint8 (height, width, 3), RGB, upright.
            choose: "all"; "centre", the nearest to the middle alone; or "largest".

        Raises: InputError if the file is no photo; TypeError if `photo` is neither file
            nor array; ValueError if it has another shape or dtype, or `choose` is
            unknown.
        """
        return self._aligner.find([_pixels(photo)], choose)[0]

    def crop_faces(self, photo: Photo, faces: Sequence[Face]) -> np.ndarray:
        """The aligned faces of a photo.

        Args:
            photo: As for `find_faces`.
            faces: What `find_faces` gave for this photo.

        Returns: uint8 (faces, height, width, 3), RGB, of the contract's crop size.
        Raises: As `find_faces`.
        """
        return self._aligner.crop(_pixels(photo), faces)

    def embed_crops(self, crops: np.ndarray) -> np.ndarray:
        """The features of aligned faces.

        Args:
            crops: uint8 (crops, height, width, 3), RGB, of the contract's crop size.

        Returns: Float32 (crops, feature_dim); not L2-normalised, unless the contract
            says that the graph does that.
        Raises: ValueError if the array has another type or shape.
        """
        crops = np.asarray(crops)
        require_crops(crops, self.contract.pixels)
        return self._network.embed(crops)

    def embed_faces(self, photo: Photo, faces: Sequence[Face]) -> np.ndarray:
        """The features of faces that were found in a photo.

        Args:
            photo: As for `find_faces`.
            faces: What `find_faces` gave for this photo.

        Returns: Float32 (faces, feature_dim), as `embed_crops`.
        Raises: As `find_faces`.
        """
        return self.embed_crops(self.crop_faces(photo, faces))

    def embed_photo(
        self, photo: Photo, choose: Literal["centre", "largest"] = "centre"
    ) -> np.ndarray:
        """The feature of one face of a photo, the nearest to its middle by default.

        Args:
            photo: File, or uint8 (height, width, 3), RGB, upright.
            choose: As for `find_faces`.

        Returns: Float32 (feature_dim,), as `embed_crops`.
        Raises: InputError if there is no face; and as `find_faces`.
        """
        features, (face,) = self.embed_photos([photo], choose)
        if face is None:
            named = "the photo" if isinstance(photo, np.ndarray) else photo
            raise InputError(f"no face found in {named}")
        return features[0]

    def embed_photos(
        self,
        photos: Sequence[Photo],
        choose: Literal["centre", "largest"] = "centre",
    ) -> tuple[np.ndarray, list[Face | None]]:
        """The feature of one face of each photo; photos of one size go faster together.

        Args:
            photos: Each as for `find_faces`; the sizes may differ.
            choose: As for `find_faces`.

        Returns: Float32 (photos, feature_dim), as `embed_crops`, a row of NaN for a
            photo without a face; and the faces, None where there is none.
        Raises: As `find_faces`.
        """
        if choose == "all":
            raise ValueError(
                "`choose` must be 'centre' or 'largest': for all faces of a photo take "
                f"find_faces and embed_faces. Received: choose={choose!r}"
            )
        photos = [_pixels(photo) for photo in photos]
        found = self._aligner.find(photos, choose)
        features = np.full((len(photos), self.feature_dim), np.nan, np.float32)
        seen = [index for index, faces in enumerate(found) if faces]
        if seen:
            crops = [self.crop_faces(photos[index], found[index]) for index in seen]
            features[seen] = self.embed_crops(np.concatenate(crops))
        return features, [faces[0] if faces else None for faces in found]

    def verify(
        self,
        first: str | os.PathLike,
        second: str | os.PathLike,
        far: float = 0.01,
        choose: Literal["all", "centre", "largest"] = "all",
    ) -> dict:
        """Compares the faces of two photo files.

        Args:
            first: A photo.
            second: Another one.
            far: False accept rate of a pair of faces, whose threshold decides.
            choose: Faces that are compared, as for `match_photos`.

        Returns: As `match_photos`: `score`, `same`, `decision`, `faces` and more.
        Raises: InputError if a photo is unusable or shows no face; ValueError if
            `choose` is unknown.
        """
        return compare_photos(self, (Path(first), Path(second)), far, choose)

    def find(
        self,
        photo: str | os.PathLike,
        folder: str | os.PathLike,
        far: float = 0.01,
        most: int = 10,
    ) -> dict:
        """Finds the photos of a folder that show the person of a photo.

        Args:
            photo: A photo; its face nearest the middle counts.
            folder: Is searched with all folders below.
            far: False accept rate of a pair of faces, whose threshold decides.
            most: Number of photos to give.

        Returns: As `find_person`: `matches`, the photos of the highest scores, highest
            first, with `score` and `decision` each, and more.
        Raises: InputError if the photo shows no face, or the folder has no photo.
        """
        return find_person(self, Path(photo), Path(folder), far, most=most)

    def score(self, first: np.ndarray, second: np.ndarray) -> float:
        """Cosine of two features; higher is more alike.

        Args:
            first: Float (feature_dim,), as `embed_photo` gives it, of any length > 0.
            second: Float (feature_dim,), of the other face.

        Returns: Float, -1..1, to be compared with `threshold`.
        Raises: ValueError if the shapes are others, or if a feature has length zero or
            is not finite.
        """
        first, second = np.asarray(first), np.asarray(second)
        if first.ndim != 1 or first.shape != second.shape:
            raise ValueError(
                "`first` and `second` must both be (feature_dim,). "
                f"Received: first={first.shape}, second={second.shape}"
            )
        return float(cosine_scores(first[None], second[None])[0, 0])

    def compare(self, features: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Cosine of every feature with every feature of a gallery.

        Args:
            features: Float (probes, feature_dim), as `embed_photos` gives them.
            gallery: Float (faces, feature_dim).

        Returns: Float64 (probes, faces), -1..1, to be compared with `threshold`.
        Raises: ValueError if the shapes are others, or if a feature has length zero or
            is not finite, as the row of a photo without a face.
        """
        return cosine_scores(features, gallery)

    def threshold(self, far: float, cross_variant: bool = False) -> float | None:
        """The threshold measured with this variant at a FAR.

        Args:
            far: False accept rate, a fraction above 0 and at most 1.
            cross_variant: For a gallery that was embedded by the float variant, and
                probes by this one.

        Returns: The least score, -1..1, of one person; None if no threshold was
            measured for this bundle.
        Raises: InputError if `far` is no such fraction, or if thresholds were measured,
            but not at this FAR.
        """
        measured = self._record.cross_variant if cross_variant else self._record
        return measured_threshold(measured and measured.thresholds, far)


def _pixels(photo):
    return read_photo(photo) if isinstance(photo, str | os.PathLike) else photo


def _require_passed(name, contract):
    failures = contract.variants[name].gate.failures
    if not failures:
        return
    passed = [other for other, it in contract.variants.items() if it.gate.passed]
    advice = (
        f"choose another with --variant: {', '.join(passed)}"
        if passed
        else ("no other passed: export again")
    )
    raise InputError(f"variant {name} failed its gate: {'; '.join(failures)}; {advice}")
