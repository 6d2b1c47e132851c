"""Cases of enrolments: quality of faces, and poses."""

import numpy as np

from case_makers.case_folder import CaseFolder
from case_makers.pixels import sample_photo
from tf_sphereface.detection import Face
from tf_sphereface.gallery.poses import POSES, head_turn, is_pose
from tf_sphereface.gallery.quality import contrast, measure, needed_eyes, reason_codes
from tf_sphereface.gallery.records import Quality
from tf_sphereface.geometry import CropGeometry, align_face, landmark_template


def add_enrolment_cases(folder: CaseFolder) -> None:
    """Adds the topics of faces that are to be enrolled."""
    _add_reasons(folder)
    _add_measures(folder)
    _add_poses(folder)


def _add_reasons(folder):
    good = {
        "score": 0.99,
        "eyes": 60.0,
        "brightness": 120.0,
        "sharpness": 0.1,
        "turn": 0.05,
        "landmark_confidence": 0.98,
        "contrast": 40.0,
        "eyes_needed": 23.5,
        "rival": 0.0,
    }
    changes = {
        "good": {},
        "small": {"eyes": 23.4},
        "just large enough": {"eyes": 23.5},
        "dark": {"brightness": 44.9, "contrast": 5.0},
        "bright": {"brightness": 215.1},
        "flat": {"contrast": 11.9},
        "blurred": {"sharpness": 0.0399},
        "turned to the left": {"turn": -0.361},
        "turned a little": {"turn": 0.36},
        "hardly a face": {"score": 0.89},
        "uncertain": {"landmark_confidence": 0.92},
        "one opinion": {"landmark_confidence": None},
        "somebody behind": {"rival": 0.25},
        "two people": {"rival": 0.26},
        "all at once": {
            **{"eyes": 5.0, "brightness": 10.0, "sharpness": 0.0, "turn": 1.0},
            **{"score": 0.5, "landmark_confidence": 0.1, "rival": 1.0},
        },
    }
    cases = []
    for name, change in changes.items():
        numbers = good | change
        others = ("contrast", "eyes_needed", "rival")
        quality = Quality(**{k: v for k, v in numbers.items() if k not in others})
        codes = reason_codes(quality, *(numbers[key] for key in others))
        cases.append({"name": name, **numbers, "codes": codes})
    folder.topic(
        "quality",
        "Reasons not to enrol a face: `rival` is the area of the largest other face as "
        "a share of this one's.",
        cases,
    )


def _add_measures(folder):
    photo, landmarks = sample_photo()
    landmarks = landmarks.round(3)
    cases = []
    for name, pixels in (
        ("dark", photo // 5),
        ("bright", 255 - (255 - photo) // 6),
    ):
        geometry = CropGeometry(56, 48) if name == "bright" else CropGeometry()
        crop, box = align_face(pixels, landmarks, geometry), np.array([5.0, 5, 70, 90])
        face = Face(box, 0.97, landmarks, 0.95)
        measured = measure(face, crop).model_dump() | {"contrast": contrast(crop)}
        file = folder.png(f"measures/{name.replace(' ', '_')}", crop)
        case = {"name": name, "crop": file, "landmarks": landmarks}
        case |= {"score": face.score, "confidence": face.landmark_confidence}
        cases.append({**case, "expected": measured})
    folder.topic(
        "measures",
        "Measurements of a face, of its landmarks in the photo and of its crop.",
        cases,
        eyes_needed=needed_eyes(CropGeometry()),
        tolerance={
            **{"eyes": 0.011, "brightness": 0.11, "contrast": 0.1},
            **{"sharpness": 0.0011, "turn": 0.0011},
        },
    )


def _add_poses(folder):
    front = landmark_template(112, 96)
    changes = {
        "front": (0, 0),
        "a little to the left": (3, 0),
        "left": (4.4, 1),
        "right": (-5, 0),
        "up": (0, -3),
        "hardly up": (1, -2),
        "down": (-1, 3),
        "down and left": (6, 4),
        "far down": (0, 9),
    }
    cases = []
    for name, change in changes.items():
        landmarks = front.round(3)
        landmarks[2] += change
        for front_pitch in (0.0, 0.05):
            turn = head_turn(landmarks)
            poses = [pose for pose in POSES if is_pose(turn, pose, front_pitch)]
            case = {"name": f"{name}, {front_pitch}", "landmarks": landmarks}
            case |= {"front_pitch": front_pitch, "yaw": turn.yaw, "pitch": turn.pitch}
            cases.append({**case, "poses": poses})
    folder.topic(
        "poses",
        "Turn of a head, and the poses of a guided enrolment that it fulfils; "
        "`front_pitch` is the pitch of the same person's picture from the front.",
        cases,
        tolerance=1e-6,
    )
