"""Consensus landmarks: O-Net asked again about the face upright, and mirrored."""

from collections.abc import Callable, Sequence

import numpy as np

from tf_sphereface.detection.crops import warped_crops
from tf_sphereface.geometry import fit_similarities

LANDMARK_RULES = ("single", "consensus")

_SIDE = 48
_ROUNDS = 2  # a third one moves landmarks by 0.2 % of the distance of the eyes
# Mean landmarks in the boxes that O-Net refines, and those 0.85 times as large.
_EYE_DISTANCE = 19.0
_UPRIGHT = np.array([[14, 17], [33, 17], [23.5, 28], [15, 38], [32, 38]])
_ANY_NUMBER = {
    "divide": "ignore",
    "invalid": "ignore",
    "over": "ignore",
}  # may come of a damaged network
_SWAPPED = [1, 0, 2, 4, 3]  # what is left in the picture is right in its mirror image


@np.errstate(**_ANY_NUMBER)
def agree_on_landmarks(
    onet: Callable,
    photos: Sequence[np.ndarray],
    owners: np.ndarray,
    boxes: np.ndarray,
    landmarks: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks that do not depend on the box in which a face was found.

    The face is warped upright by its landmarks; O-Net looks at the crop and at its
    mirror image, and the mean of both answers, back in the photo, replaces them. Twice.

    Args:
        onet: As `Networks.onet`.
        photos: uint8 (height, width, 3), RGB each.
        owners: Integer (faces,), the photo of each face.
        boxes: Float (faces, 4), x1,y1,x2,y2 pixels.
        landmarks: Float (faces, 5, 2), x,y pixels, to begin with.

    Returns: Landmarks, float64 (faces, 5, 2), and confidences, float64 (faces,): 1 less
        the mean distance between the last two answers, in distances of the eyes, at
        least 0. A face whose landmarks leave its box keeps the first ones, with 0.
    """
    agreed, confidences = landmarks.astype(np.float64), np.zeros(len(landmarks))
    asked = np.arange(len(landmarks))
    for _ in range(_ROUNDS):
        asked = asked[_in_boxes(agreed[asked], boxes[asked])]
        if len(asked):
            agreed[asked], confidences[asked] = _ask(
                onet, photos, owners[asked], agreed[asked]
            )
    lost = ~_in_boxes(agreed, boxes)
    agreed[lost], confidences[lost] = landmarks[lost], 0
    return agreed, confidences


def to_points(landmarks: np.ndarray) -> np.ndarray:
    """(faces, 5, 2), x,y, of O-Net's (faces, 10), five x and five y."""
    return landmarks.reshape(-1, 2, 5).transpose(0, 2, 1)


def _in_boxes(landmarks, boxes):
    """True where landmarks are distinct, finite points around a place in their box."""
    centres = landmarks.mean(axis=1)
    inside = (centres >= boxes[:, :2]) & (centres <= boxes[:, 2:])
    sizes = landmarks.max(axis=1) - landmarks.min(axis=1)
    return inside.all(axis=1) & (sizes >= 1).all(axis=1)


def _ask(onet, photos, owners, landmarks):
    matrices = _to_photo(landmarks)
    crops = warped_crops(photos, matrices, owners, _SIDE)
    _, answers, _ = onet(np.concatenate([crops, crops[:, :, ::-1]]))
    plain, mirrored = np.split(to_points(answers) * _SIDE - 0.5, 2)
    mirrored = mirrored[:, _SWAPPED] * (-1, 1) + (_SIDE - 1, 0)
    apart = np.linalg.norm(plain - mirrored, axis=2).mean(axis=1) / _EYE_DISTANCE
    means = (plain + mirrored) / 2
    in_photo = means @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    return in_photo, np.maximum(1 - apart, 0)


def _to_photo(landmarks):
    """Similarities (faces, 2, 3) from the upright crop of each face to its photo."""
    turns, _ = fit_similarities(landmarks, _UPRIGHT)
    back = 1 / turns
    linear = np.array([[back.real, -back.imag], [back.imag, back.real]])
    linear = linear.transpose(2, 0, 1)
    shifts = landmarks.mean(axis=1) - linear @ _UPRIGHT.mean(axis=0)
    return np.concatenate([linear, shifts[:, :, None]], axis=2)
