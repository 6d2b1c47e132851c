"""Anti-aliased soft painting on the front plane of the head."""

import cv2
import numpy as np

PIXELS_PER_UNIT = 80
LEFT, TOP = -1.2, -1.75
WIDTH, HEIGHT = 192, 292  # pixels: x in -1.2..1.2, y in -1.75..1.9 head units
_SHIFT = 4


class FaceCanvas:
    """Colour seen from straight ahead, painted in head units.

    Args:
        pixels: uint8 (height, width, 3), sRGB 0..255; painted in place.
        origin: (x, y) of the first pixel on the whole front plane, pixels.
    """

    def __init__(self, pixels: np.ndarray, origin: tuple[int, int] = (0, 0)):
        self.pixels = pixels
        self.origin = np.array(origin)

    def fill(self, points, colour, opacity=1.0, softness=0.0):
        """Blend a colour into a polygon; `softness` is a blur sigma in head units."""
        self._draw(points, colour, opacity, softness, None)

    def stroke(self, points, colour, width, opacity=1.0, softness=0.0):
        """Blend a colour along open lines (..., n, 2); `width` is in head units."""
        self._draw(points, colour, opacity, softness, width)

    def disc(self, centre, radius, colour, opacity=1.0, softness=0.0):
        """Blend a colour into an ellipse; `radius` is a number or (x, y)."""
        self.fill(ellipse(centre, radius), colour, opacity, softness)

    def window(self, centre, reach):
        """A copy of the square within `reach` head units of a point."""
        low = np.floor(to_pixels(np.subtract(centre, reach))).astype(int)
        high = np.ceil(to_pixels(np.add(centre, reach))).astype(int)
        patch = self.pixels[low[1] : high[1], low[0] : high[0]].copy()
        return FaceCanvas(patch, (int(low[0]), int(low[1])))

    def paste(self, other, points):
        """Take over a window's pixels inside a polygon."""
        left, top = other.origin
        height, width = other.pixels.shape[:2]
        target = self.pixels[top : top + height, left : left + width]
        window, mask = other._mask(points, 0.0, None)
        if mask is not None:
            _blend(target[window], other.pixels[window], mask, 1.0)

    def _draw(self, points, colour, opacity, softness, width):
        colour = [min(max(float(value), 0.0), 255.0) for value in colour]
        if opacity == 1.0 and not softness:
            _rasterise(self.pixels, to_pixels(points) - self.origin, colour, width)
            return
        window, mask = self._mask(points, softness, width)
        if mask is not None:
            _blend(self.pixels[window], np.float32(colour), mask, opacity)

    def _mask(self, points, softness, width):
        """Window of the canvas around a shape, and its uint8 coverage there."""
        pixels = to_pixels(points) - self.origin
        margin = int((2.5 * softness + (width or 0.0)) * PIXELS_PER_UNIT) + 2
        left, top, wide, tall = cv2.boundingRect(np.float32(pixels.reshape(-1, 2)))
        right = min(left + wide + margin, self.pixels.shape[1])
        bottom = min(top + tall + margin, self.pixels.shape[0])
        left, top = max(left - margin, 0), max(top - margin, 0)
        if right <= left or bottom <= top:
            return None, None
        mask = np.zeros((bottom - top, right - left), np.uint8)
        _rasterise(mask, pixels - (left, top), 255, width)
        if softness * PIXELS_PER_UNIT > 0.6:  # less is lost in the photo's pixels
            mask = cv2.GaussianBlur(mask, (0, 0), softness * PIXELS_PER_UNIT)
        return np.s_[top:bottom, left:right], mask


def _rasterise(image, pixels, colour, width):
    fixed = np.rint(pixels * (1 << _SHIFT)).astype(np.int32)
    shapes = fixed.reshape(-1, *fixed.shape[-2:])
    if width is None:
        cv2.fillPoly(image, shapes, colour, cv2.LINE_AA, _SHIFT)
    else:
        thick = max(1, round(width * PIXELS_PER_UNIT))
        cv2.polylines(image, shapes, False, colour, thick, cv2.LINE_AA, _SHIFT)


def _blend(target, colour, mask, opacity):
    weight = mask * np.float32(opacity / 255)
    target[...] = target + (colour - target.astype(np.float32)) * weight[..., None]


def to_pixels(points) -> np.ndarray:
    """Head units (..., 2) to canvas pixel centres (..., 2)."""
    return (np.asarray(points) - (LEFT, TOP)) * PIXELS_PER_UNIT - 0.5


def to_columns(x: np.ndarray) -> np.ndarray:
    """Head units to float32 canvas columns."""
    return x * np.float32(PIXELS_PER_UNIT) - np.float32(LEFT * PIXELS_PER_UNIT + 0.5)


def to_rows(y: np.ndarray) -> np.ndarray:
    """Head units to float32 canvas rows."""
    return y * np.float32(PIXELS_PER_UNIT) - np.float32(TOP * PIXELS_PER_UNIT + 0.5)


_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def ellipse(centre, radius) -> np.ndarray:
    """Polygon (20, 2) of an ellipse in head units."""
    return np.asarray(centre) + np.asarray(radius) * _CIRCLE


def mirrored(points, side) -> np.ndarray:
    """Points of the image-right half (side 1), or their mirror image (side -1)."""
    return np.asarray(points) * (side, 1)
