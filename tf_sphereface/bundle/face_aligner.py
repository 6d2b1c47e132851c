"""From photos to aligned faces with a bundle's detector."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tf_sphereface.data.alignment.crops import CHOICES, choose_faces
from tf_sphereface.detection import Face, FaceDetector
from tf_sphereface.geometry import CropGeometry, align_face


class FaceAligner:
    """Finds faces in photos and warps them to crops.

    Photos are divided among threads, each with a detector of its own; what is found in
    a photo does not depend on the photos beside it.

    Args:
        open_detector: Gives a detector, ready to use.
        crop: Size of the crops, and where the landmarks lie in them.
        threads: CPU threads, at least 1.
    """

    def __init__(
        self,
        open_detector: Callable[[], FaceDetector],
        crop: CropGeometry,
        threads: int = 1,
    ):
        self._open_detector = open_detector
        self._crop = crop
        self._threads = threads
        self._detectors = [open_detector()]  # others when there are photos for them
        self._pool = None

    def find(self, photos: Sequence[np.ndarray], choose: str) -> list[list[Face]]:
        """The chosen faces of each photo, as `choose_faces` has them.

        Args:
            photos: uint8 (height, width, 3), RGB each; those of one size go faster
                together.
            choose: "centre", "largest" or "all".

        Raises: TypeError if a photo is no array; ValueError if it has
            another shape or dtype, or `choose` is unknown.
        """
        if choose not in CHOICES:
            raise ValueError(
                f"`choose` must be one of {CHOICES}. Received: choose={choose!r}"
            )
        for photo in photos:
            _require_photo(photo)
        return [
            choose_faces(faces, choose, *photo.shape[:2])
            for photo, faces in zip(photos, self._detect(photos), strict=True)
        ]

    def _detect(self, photos):
        workers = min(self._threads, len(photos))
        if workers < 2:
            return self._detectors[0].detect(photos)
        while len(self._detectors) < workers:
            self._detectors.append(self._open_detector())
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads)
        found = [[] for _ in photos]
        for worker, faces in enumerate(
            self._pool.map(
                lambda worker: self._detectors[worker].detect(photos[worker::workers]),
                range(workers),
            )
        ):
            found[worker::workers] = faces
        return found

    def crop(self, photo: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
        """Aligned faces, uint8 (faces, height, width, 3), RGB.

        Args:
            photo: uint8 (height, width, 3), RGB.
            faces: That were found in it.

        Raises: TypeError or ValueError as `find`.
        """
        _require_photo(photo)
        crops = np.empty((len(faces), self._crop.height, self._crop.width, 3), np.uint8)
        for crop, face in zip(crops, faces, strict=True):
            crop[:] = align_face(photo, face.landmarks, self._crop)
        return crops


def _require_photo(photo):
    if not isinstance(photo, np.ndarray):
        raise TypeError(
            "`photo` must be a uint8 array (height, width, 3), RGB: read a file with "
            "tf_sphereface.data.photos.images.read_photo(path). "
            f"Received: {type(photo).__name__}"
        )
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(
            "`photo` must be uint8 (height, width, 3). "
            f"Received: {photo.dtype} {photo.shape}"
        )
