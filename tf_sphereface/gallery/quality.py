"""Quality of a face at its enrolment, and the reasons not to take it."""

import cv2
import numpy as np

from tf_sphereface.detection import Face
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
    left, right, nose = face.landmarks[:3]
    across = right - left
    eyes = max(float(np.hypot(*across)), 1e-3)
    turn = float((nose - (left + right) / 2) @ across) / eyes**2
    sure = float(face.landmark_confidence)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return Quality(
        score=float(face.score),
        eyes=round(eyes, 2),
        brightness=round(float(_middle(grey).mean()), 1),
        sharpness=round(_sharpness(grey), 4),
        turn=round(float(np.clip(turn, -1e3, 1e3)), 3),
        landmark_confidence=None if np.isnan(sure) else round(sure, 4),
    )


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
    quality, found = measure(face, crop), []
    grey = _middle(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))
    needed = np.hypot(*np.subtract(*geometry.template[:2])) / _MOST_ENLARGEMENT
    if quality.eyes < needed:
        found.append(
            f"too small: {quality.eyes:.0f} pixels between the eyes, at least "
            f"{needed:.0f} are needed; go nearer"
        )
    if quality.brightness < _DARKEST:
        found.append("too dark: turn towards the light")
    elif quality.brightness > _BRIGHTEST:
        found.append("too bright: turn away from the light")
    elif grey.std() < _LEAST_CONTRAST:
        found.append("too little contrast: look for other light")
    if quality.sharpness < _LEAST_SHARPNESS:
        found.append("blurred: hold still, or clean the lens")
    if abs(quality.turn) > _MOST_TURN:
        found.append("turned to the side: look into the camera")
    if quality.score < _LEAST_SCORE:
        found.append(f"hardly a face: the detector is {quality.score:.0%} sure")
    sure = quality.landmark_confidence
    if sure is not None and sure < _LEAST_LANDMARK_CONFIDENCE:
        found.append("uncertain eyes, nose and mouth: show the whole face")
    if any(other.area > _RIVAL * face.area for other in others):
        found.append("two people: be alone in the photo")
    return found


def _middle(grey):
    height, width = grey.shape
    return grey[height // 4 : height * 7 // 8, width // 7 : width * 6 // 7]


def _sharpness(grey):
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    return float((grey - smooth).std() / max(smooth.std(), 1e-3))
