"""Synthetic people before a webcam: Y4M films that Chromium takes for a camera."""

import dataclasses
import io

import cv2
import numpy as np
from PIL import Image

from tf_sphereface.data.synthetic import render_photo, sample_capture, sample_identity

ADA, GRACE, STRANGER = 103, 101, 107
HEIGHT, WIDTH = 240, 320
# Degrees (yaw, pitch) that the page's five poses ask for.
POSES = ((0, 0), (15, 0), (-17, 0), (0, -15), (0, 19))
_PLAIN = {
    **dict.fromkeys(("yaw", "pitch", "roll", "mouth_opening", "eye_closure"), 0.0),
    **dict.fromkeys(("brow_raise", "blur", "noise"), 0.0),
    **{"scale": 52.0, "offset": (0.0, 0.0), "camera_distance": 25.0},
    **{"light_azimuth": 10.0, "light_elevation": 25.0, "light_strength": 0.7},
    **{"ambient": 0.3, "smile": 0.2, "gaze": (0.0, 0.0), "glasses": "none"},
    **{"exposure": 1.0, "gamma": 1.0},
}


def portrait(person, size=HEIGHT, scene=5, **capture):
    """A picture of the person of a number, uint8 (size, size, 3), RGB.

    Args:
        person: Seed of the person.
        size: Pixels.
        scene: Seed of background, clothes and light's colour.
        capture: Fields of `Capture` that differ from a plain portrait.
    """
    drawn = sample_capture(np.random.default_rng(scene))
    identity = sample_identity(np.random.default_rng(person))
    return render_photo(
        identity, dataclasses.replace(drawn, **_PLAIN | capture), size
    ).image


def side_by_side(*portraits):
    """A frame of the camera with portraits in it."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for index, image in enumerate(portraits):
        height, width = image.shape[:2]
        x = WIDTH * (2 * index + 1) // (2 * len(portraits)) - width // 2
        y = (HEIGHT - height) // 2
        frame[y : y + height, x : x + width] = image
    return frame


def film(path, frames, seconds=1.0):
    """Writes a film that Chromium repeats, each frame shown for so long."""
    times = round(15 * seconds)
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F15:1 Ip A1:1 C420\n".encode())
        for frame in frames:
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes()
            file.write((b"FRAME\n" + planes) * times)


def png(image):
    """A picture as a file that is chosen on the page."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def photos(person, count=3):
    """Portraits of a person in PNG, by a name of a file."""
    turns = (0, 6, -6, 3, -3)[:count]
    return {f"{turn}.png": png(portrait(person, yaw=float(turn))) for turn in turns}
