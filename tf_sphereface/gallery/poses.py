"""Turns of a head, from its landmarks, and the five poses of a guided enrolment."""

from typing import Literal, NamedTuple

import numpy as np

POSES = ("front", "left", "right", "up", "down")
Pose = Literal[POSES]
# The nose of LANDMARK_TEMPLATE, from the eyes (0) to the mouth (1).
_FRONTAL_NOSE = 0.494
_FRONT_YAW, _LEAST_YAW = 0.1, 0.12  # 12 and 14 degrees of rendered heads
_LEAST_PITCH, _MOST_PITCH = 0.06, 0.2  # 7 and 24 degrees


class HeadTurn(NamedTuple):
    """Turn of a head, as far as five landmarks tell it.

    Args:
        yaw: Distance of the nose from the middle between the eyes, along the eyes, in
            distances of the eyes: positive if the nose points to the right of the
            picture, which is the person's own left unless the picture is mirrored.
        pitch: Place of the nose on the way from the eyes (0) to the mouth (1), less
            that of a frontal face: positive if the face looks down.
    """

    yaw: float
    pitch: float


def head_turn(landmarks: np.ndarray) -> HeadTurn:
    """The turn of a head; frontal is (0, 0), within +-1000.

    Args:
        landmarks: Float (5, 2), x,y pixels.
    """
    left, right, nose = landmarks[:3]
    middle = (left + right) / 2
    down = landmarks[3:].mean(axis=0) - middle
    yaw = _share(nose - middle, right - left)
    return HeadTurn(yaw, _share(nose - middle, down) - _FRONTAL_NOSE)


def is_pose(turn: HeadTurn, pose: Pose, front_pitch: float = 0.0) -> bool:
    """True of a head that looks as it was asked to.

    Args:
        turn: Of the head.
        pose: "front", or "left", "right", "up" or "down" as the person sees it.
        front_pitch: Pitch of the same person's picture from the front: faces differ.
    """
    nod = turn.pitch - front_pitch
    return {
        "front": abs(turn.yaw) <= _FRONT_YAW and abs(turn.pitch) <= _MOST_PITCH,
        "left": turn.yaw >= _LEAST_YAW,
        "right": turn.yaw <= -_LEAST_YAW,
        "up": abs(turn.yaw) <= _LEAST_YAW and nod <= -_LEAST_PITCH,
        "down": abs(turn.yaw) <= _LEAST_YAW and nod >= _LEAST_PITCH,
    }[pose]


def _share(vector, axis):
    """Length of a vector along an axis, in lengths of the axis."""
    square = max(float(axis @ axis), 1e-6)
    return float(np.clip(vector @ axis / square, -1e3, 1e3))
