"""Results of face detectors."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

FIRST_LOOK, SECOND_LOOK = "first look", "second look"


@dataclasses.dataclass(frozen=True)
class Face:
    """A face found in a photo.

    Args:
        box: Float (4,), x1,y1,x2,y2 pixels; it may reach beyond the photo.
        score: Confidence 0..1.
        landmarks: Float (5, 2), x,y pixels with the first pixel at 0: left eye, right
            eye, nose tip, left and right mouth corner, left and right as seen in the
            picture.
        landmark_confidence: Agreement of the opinions that the landmarks are the mean
            of, 0..1; NaN if there was one.
        found_by: "first look", or "second look" if that had found no face.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray
    landmark_confidence: float = float("nan")
    found_by: str = FIRST_LOOK

    @property
    def area(self) -> float:
        """Of the box, square pixels."""
        return float(np.prod(np.maximum(self.box[2:] - self.box[:2], 0)))


class FaceDetector(Protocol):
    """Anything that finds faces: `MTCNN` here, another detector elsewhere."""

    def detect(self, photos: Sequence[np.ndarray]) -> list[list[Face]]:
        """Finds the faces of each photo, best score first.

        Args:
            photos: uint8 (height, width, 3) RGB each; the sizes may differ.

        Returns: One list of faces for each photo; empty where there is none.
        """


def nearest_to_centre(faces: Sequence[Face], height: int, width: int) -> Face | None:
    """The face whose box centre is nearest the photo's centre; None if there is none.

    In photos that name one person, that person is in the middle. The first, which is
    the better scored, wins a tie.

    Reference: the data preparation of SphereFace, https://arxiv.org/abs/1704.08063.
    """
    if not faces:
        return None
    centres = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
    photo_centre = np.array([(width - 1) / 2, (height - 1) / 2])
    distances = np.square(centres - photo_centre).sum(axis=1)
    return faces[int(np.argmin(distances))]
