"""Quality of a face at its enrolment, and the reasons not to take it."""

import cv2
import numpy as np

from tf_sphereface.detection import Face
from tf_sphereface.gallery.poses import head_turn
from tf_sphereface.gallery.records import Quality
from tf_sphereface.geometry import CropGeometry

# A crop that is enlarged more has no details of its own.
_MOST_ENLARGEMENT = 1.5
# Of 80 crops of LFW none is below 0.055; blurred with a sigma of 3 pixels, of 35
# between the eyes, none is above 0.031.
_LEAST_SHARPNESS = 0.04
# The same crops have means of 64 to 180 and deviations from 24 on.
_DARKEST, _BRIGHTEST, _LEAST_CONTRAST = 45, 215, 12
# The tip of the nose lies some 0.43 distances of the eyes before them: 40 degrees.
_MOST_TURN = 0.36
_LEAST_SCORE = 0.9
# Of faces of LFW it is 0.97 and more; of patches of clothes 0.92 at most.
_LEAST_LANDMARK_CONFIDENCE = 0.93
# Another face of a quarter of the area may be the one that was meant.
_RIVAL = 0.25


def measure(face: Face, crop: np.ndarray) -> Quality:
    """Measurements of a face.

    Args:
        face: In pixels of the photo.
        crop: Its crop, uint8 (height, width, 3), RGB.
    """
    across = face.landmarks[1] - face.landmarks[0]
    sure = float(face.landmark_confidence)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return Quality(
        score=float(face.score),
        eyes=round(max(float(np.hypot(*across)), 1e-3), 2),
        brightness=round(float(_middle(grey).mean()), 1),
        sharpness=round(_sharpness(grey), 4),
        turn=round(head_turn(face.landmarks).yaw, 3),
        landmark_confidence=None if np.isnan(sure) else round(sure, 4),
    )


_TEXTS = {
    "too_small": "too small: {eyes:.0f} pixels between the eyes, at least {needed:.0f} "
    "are needed; go nearer",
    "too_dark": "too dark: turn towards the light",
    "too_bright": "too bright: turn away from the light",
    "low_contrast": "too little contrast: look for other light",
    "blurred": "blurred: hold still, or clean the lens",
    "turned": "turned to the side: look into the camera",
    "hardly_a_face": "hardly a face: the detector is {score:.0%} sure",
    "uncertain_landmarks": "uncertain eyes, nose and mouth: show the whole face",
    "two_people": "two people: be alone in the photo",
}


def reason_codes(
    quality: Quality, contrast: float, needed: float, rival: float
) -> list[str]:
    """Codes of the reasons why a face is not good enough to be compared with others.

    Args:
        quality: Measurements of the face.
        contrast: Deviation of the grey values of the crop's middle.
        needed: Least distance of the eyes, pixels.
        rival: Area of the largest other face of the photo, of this one's.

    Returns: Some of "too_small", "too_dark", "too_bright", "low_contrast", "blurred",
        "turned", "hardly_a_face", "uncertain_landmarks" and "two_people", in this
        order; none of a good face.
    """
    dark, bright = quality.brightness < _DARKEST, quality.brightness > _BRIGHTEST
    sure = quality.landmark_confidence
    found = {
        "too_small": quality.eyes < needed,
        "too_dark": dark,
        "too_bright": bright,
        "low_contrast": not (dark or bright) and contrast < _LEAST_CONTRAST,
        "blurred": quality.sharpness < _LEAST_SHARPNESS,
        "turned": abs(quality.turn) > _MOST_TURN,
        "hardly_a_face": quality.score < _LEAST_SCORE,
        "uncertain_landmarks": sure is not None and sure < _LEAST_LANDMARK_CONFIDENCE,
        "two_people": rival > _RIVAL,
    }
    return [code for code, holds in found.items() if holds]


def contrast(crop: np.ndarray) -> float:
    """Deviation of the grey values of a crop's middle, 0..127.5.

    Args:
        crop: uint8 (height, width, 3), RGB.
    """
    return float(_middle(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)).std())


def needed_eyes(geometry: CropGeometry) -> float:
    """Least distance of the eyes in the photo, pixels.

    Args:
        geometry: Of the crop.
    """
    eyes = np.hypot(*np.subtract(*geometry.template[:2]))
    return float(eyes) / _MOST_ENLARGEMENT


def reasons_against(
    face: Face, others: list[Face], crop: np.ndarray, geometry: CropGeometry
) -> list[str]:
    """The reasons why a face is not good enough to be compared with others.

    Args:
        face: In pixels of the photo.
        others: The other faces of the photo.
        crop: Of the face, uint8 (height, width, 3), RGB.
        geometry: Of the crop.

    Returns: A phrase each; none of a good face.
    """
    quality, needed = measure(face, crop), needed_eyes(geometry)
    largest = max((other.area for other in others), default=0.0)
    rival = largest / max(face.area, 1e-12)
    numbers = {"eyes": quality.eyes, "needed": needed, "score": quality.score}
    codes = reason_codes(quality, contrast(crop), needed, rival)
    return [_TEXTS[code].format(**numbers) for code in codes]


def _middle(grey):
    height, width = grey.shape
    return grey[height // 4 : height * 7 // 8, width // 7 : width * 6 // 7]


def _sharpness(grey):
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    return float((grey - smooth).std() / max(smooth.std(), 1e-3))
