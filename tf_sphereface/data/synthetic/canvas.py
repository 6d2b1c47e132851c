"""Anti-aliased soft painting on the front plane of the head."""

import cv2
import numpy as np

PIXELS_PER_UNIT = 96
LEFT, TOP = -1.2, -1.75
WIDTH, HEIGHT = 230, 350  # pixels: x in -1.2..1.2, y in -1.75..1.9 head units
_SHIFT = 4


class FaceCanvas:
    """Colour seen from straight ahead, painted in head units.

    Args:
        pixels: Float32 (HEIGHT, WIDTH, 3), sRGB 0..255; painted in place.
    """

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels

    def fill(self, points, colour, opacity=1.0, softness=0.0):
        """Blend a colour into a polygon; `softness` is a blur sigma in head units."""
        self._blend(points, colour, opacity, softness, softness)

    def stroke(self, points, colour, width, opacity=1.0, softness=0.0):
        """Blend a colour along an open line of the given width in head units."""
        self._blend(points, colour, opacity, softness, softness + width, width)

    def disc(self, centre, radius, colour, opacity=1.0, softness=0.0):
        """Blend a colour into an ellipse; `radius` is a number or (x, y)."""
        self.fill(ellipse(centre, radius), colour, opacity, softness)

    def shade(self, points, gain, softness):
        """Multiply the colour inside a soft polygon by `gain`."""
        window, mask = self._mask(points, softness, softness, None)
        if mask is not None:
            self.pixels[window] *= 1 + mask[..., None] * np.float32(gain - 1)

    def _blend(self, points, colour, opacity, softness, reach, width=None):
        window, mask = self._mask(points, softness, reach, width)
        if mask is not None:
            patch = self.pixels[window]
            mask = mask * np.float32(opacity)
            patch += (np.asarray(colour, np.float32) - patch) * mask[..., None]

    def _mask(self, points, softness, reach, width):
        """Window of the canvas around a shape, and its coverage 0..1 there."""
        pixels = to_pixels(points)
        margin = 2.5 * reach * PIXELS_PER_UNIT + 2
        low = np.maximum(np.floor(pixels.min(0) - margin), 0).astype(int)
        high = np.ceil(pixels.max(0) + margin).astype(int) + 1
        high = np.minimum(high, [WIDTH, HEIGHT])
        if (high <= low).any():
            return None, None
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        fixed = np.round((pixels - low) * (1 << _SHIFT)).astype(np.int32)
        if width is None:
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        else:
            thick = max(1, round(width * PIXELS_PER_UNIT))
            cv2.polylines(mask, [fixed], False, 255, thick, cv2.LINE_AA, _SHIFT)
        mask = mask.astype(np.float32) * np.float32(1 / 255)
        if softness:
            mask = cv2.GaussianBlur(mask, (0, 0), softness * PIXELS_PER_UNIT)
        return np.s_[low[1] : high[1], low[0] : high[0]], mask


def to_pixels(points) -> np.ndarray:
    """Head units (..., 2) to canvas pixel centres (..., 2)."""
    return (np.asarray(points) - (LEFT, TOP)) * PIXELS_PER_UNIT - 0.5


def ellipse(centre, radius, points=20) -> np.ndarray:
    """Polygon (points, 2) of an ellipse in head units."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.asarray(centre) + np.asarray(radius) * circle


def mirrored(points, side) -> np.ndarray:
    """Points of the image-right half (side 1), or their mirror image (side -1)."""
    return np.asarray(points) * (side, 1)
