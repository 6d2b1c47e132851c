"""Scene behind and below the head: background, shoulders, neck, hanging hair."""

import cv2
import numpy as np

from tf_sphereface.data.synthetic.capture import Capture
from tf_sphereface.data.synthetic.identity import FaceIdentity

_SHIFT = 4


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Wall, foliage, window or room, uint8 (size, size, 3)."""
    half = (size + 1) // 2  # drawn at half size: it is out of focus anyway
    cells = int(rng.choice([2, 3, 6, 14]))
    base = muted_colour(rng, 20, 235)
    grey = rng.normal(0, rng.uniform(5, 50), (cells, cells, 1))
    small = base + grey + rng.normal(0, rng.uniform(2, 18), (cells, cells, 3))
    small = np.clip(small, 0, 255).astype(np.uint8)
    scene = cv2.resize(small, (half, half), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(0, 9))):
        colour = muted_colour(rng, 0, 255).tolist()
        x, y, wide, tall = (rng.uniform(-0.2, 1.0, 4) * half).astype(int).tolist()
        if rng.uniform() < 0.6:
            corner = (x + abs(wide), y + abs(tall))
            cv2.rectangle(scene, (x, y), corner, colour, -1, cv2.LINE_AA)
        else:
            cv2.circle(scene, (x, y), 2 + abs(wide) // 3, colour, -1, cv2.LINE_AA)
    scene = cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.5, 4) * size / 250)
    return cv2.resize(scene, (size, size), interpolation=cv2.INTER_LINEAR)


def muted_colour(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Nearly grey colour, float64 (3,), of a random lightness in low..high."""
    grey = rng.uniform(low, high)
    return np.clip(grey + rng.normal(0, 18, 3), 0, 255)


def paint_polygon(image, points, colour, softness=0.0):
    """Fill an anti-aliased polygon of pixels into a uint8 image, in place."""
    fixed = np.round(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)
    colour = np.clip(colour, 0, 255).tolist()
    cv2.fillPoly(image, [fixed], colour, cv2.LINE_AA, _SHIFT)


def paint_body(image, clothes, identity: FaceIdentity, capture: Capture, chin, light):
    """Shoulders and neck under the chin.

    Args:
        image: uint8 (size, size, 3), painted in place.
        clothes: (red, green, blue) of the clothes in flat light.
        chin: (x, y) of the chin in pixels.
        light: Float (3,), gain of each colour channel.
    """
    lean = capture.light_azimuth / 90
    unit = capture.scale * image.shape[0] / 250
    outline = [[-0.5, 0.3], [-2.1, 0.75], [-2.6, 4], [2.6, 4], [2.1, 0.75], [0.5, 0.3]]
    paint_polygon(image, chin + np.array(outline) * unit, clothes * light)
    skin = np.array(identity.skin_colour) * light
    half = 0.55 * identity.head_width
    edges = np.linspace(-1, 1, 11)
    for left, right in zip(edges[:-1], edges[1:], strict=True):
        middle = (left + right) / 2
        gain = 0.62 - 0.22 * abs(middle) ** 2 + 0.16 * lean * middle
        strip = np.array([[left, -0.75], [1, -0.75], [1, 0.4], [left, 0.4]])
        paint_polygon(image, chin + strip * (half * unit, unit), skin * gain)
    turn = np.linspace(0, np.pi, 12)
    collar = np.stack([np.cos(turn) * 0.62, 0.34 + 0.28 * np.sin(turn)], axis=1)
    paint_polygon(image, chin + collar * unit, skin * 0.6)
