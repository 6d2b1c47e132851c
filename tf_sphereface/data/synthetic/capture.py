"""Capture of a synthetic photo: everything that is not the person."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Capture:
    """Pose, light, expression and camera of one photo; angles in degrees.

    Args:
        yaw: Positive when the face turns toward the right side of the image.
        pitch: Positive when the face turns down.
        roll: Positive when the head leans clockwise in the image.
        scale: Pixels per head unit in a photo 250 pixels wide.
        offset: (x, y) of the head's centre from the photo's, fractions of its width.
        camera_distance: Head units from the camera to the head's centre.
        light_azimuth: Key light, positive from the image right.
        light_elevation: Key light, positive from above.
        light_strength: Key light, relative to a normal exposure.
        ambient: Light from everywhere, same scale.
        light_colour: (red, green, blue) gain of the light and white balance.
        smile: -0.3 (sulky) to 1 (broad).
        mouth_opening: 0 (closed) to 1.
        eye_closure: 0 (open) to 1 (shut).
        brow_raise: -1 (frown) to 1.
        gaze: (x, y) of the iris, fractions of the eye's half width.
        glasses: "none", "thin" or "thick".
        exposure: Gain after gamma.
        gamma: Exponent of the tone curve.
        blur: Standard deviation of the defocus in pixels, 0 for none.
        noise: Standard deviation of the sensor noise in grey levels.
        jpeg_quality: Quality at which the photo is to be compressed.
        scene_seed: Seed of background, clothes and noise.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    offset: tuple[float, float]
    camera_distance: float
    light_azimuth: float
    light_elevation: float
    light_strength: float
    ambient: float
    light_colour: tuple[float, float, float]
    smile: float
    mouth_opening: float
    eye_closure: float
    brow_raise: float
    gaze: tuple[float, float]
    glasses: str
    exposure: float
    gamma: float
    blur: float
    noise: float
    jpeg_quality: int
    scene_seed: int


def require_yaw(max_yaw: float) -> None:
    """Raise ValueError unless `max_yaw` is a yaw that the renderer can show."""
    if not 0 <= max_yaw <= 30:
        raise ValueError(
            f"`max_yaw` must be between 0 and 30 degrees. Received: max_yaw={max_yaw!r}"
        )


def sample_capture(rng: np.random.Generator, max_yaw: float = 30.0) -> Capture:
    """Draw the nuisance of one photo.

    Args:
        rng: Source of every random draw.
        max_yaw: Largest |yaw| in degrees, 0 to 30.

    Raises: ValueError if `max_yaw` is out of range.
    """
    require_yaw(max_yaw)
    warmth, tint = rng.normal(0.02, 0.07), rng.normal(0, 0.02)
    offset = rng.normal(0, 0.015, 2)
    gaze = np.clip(rng.normal(0, 0.12, 2), -0.3, 0.3)
    return Capture(
        yaw=float(max_yaw * np.clip(rng.normal(0, 0.43), -1, 1)),
        pitch=float(np.clip(rng.normal(0, 4.5), -12, 12)),
        roll=float(np.clip(rng.normal(0, 5), -15, 15)),
        scale=float(rng.uniform(46, 60)),
        offset=(float(offset[0]), float(offset[1])),
        camera_distance=float(rng.uniform(12, 40)),
        light_azimuth=float(rng.uniform(-75, 75)),
        light_elevation=float(rng.uniform(0, 60)),
        light_strength=float(rng.uniform(0.4, 0.9)),
        ambient=float(rng.uniform(0.12, 0.4)),
        light_colour=(float(1 + warmth), float(1 + tint), float(1 - warmth)),
        smile=float(np.clip(rng.normal(0.25, 0.4), -0.3, 1)),
        mouth_opening=float(np.clip(rng.normal(-0.1, 0.4), 0, 1)),
        eye_closure=float(np.clip(rng.normal(0.0, 0.2), 0, 0.6)),
        brow_raise=float(np.clip(rng.normal(0, 0.4), -1, 1)),
        gaze=(float(gaze[0]), float(gaze[1]) * 0.4),
        glasses=str(rng.choice(["none", "thin", "thick"], p=[0.92, 0.06, 0.02])),
        exposure=float(np.exp(rng.normal(0.15, 0.17))),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        blur=float(max(0.0, rng.normal(0.3, 0.4))),
        noise=float(rng.uniform(1, 7)),
        jpeg_quality=int(rng.integers(60, 96)),
        scene_seed=int(rng.integers(2**31)),
    )
