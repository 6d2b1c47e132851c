"""Values of decoded images as 8-bit RGB: grey of more bits, transparency, palettes."""

import dataclasses

import cv2
import numpy as np
from PIL import Image

_ALPHA_MODES = ("LA", "PA", "RGBA", "La", "RGBa")
# Cameras, scanners and microscopes keep so many bits in files of 16 or 32.
_BIT_DEPTHS = (8, 10, 12, 14, 16)
_UPPER_BITS = 64  # of 256: less is a depth of at most 14 bits
_LEAST_WHITE = 16.0  # of floats: a photo of 8 bits or more reaches this


@dataclasses.dataclass(frozen=True)
class Conversion:
    """An image's conversion to RGB; all of its strips are converted alike.

    Args:
        white: The value that becomes 255 in a grey image of more than 8 bits; None for
            other images.
        opaque: Whether transparency is passed over.
    """

    white: float | None = None
    opaque: bool = False

    def apply(self, image: Image.Image) -> Image.Image:
        """The image or a strip of it, mode RGB; transparency is laid on white.

        An RGB image without transparency is given back, not copied.
        """
        if self.white is not None:
            # Pillow's own conversion clips 16-bit values at 255: photos turn white.
            image = Image.fromarray(to_8_bits(np.asarray(image), self.white))
        if not self.opaque and _has_alpha(image):
            rgba = image.convert("RGBA")
            white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
            image = Image.alpha_composite(white, rgba)
        return image if image.mode == "RGB" else image.convert("RGB")


def conversion_of(image: Image.Image) -> Conversion:
    """The conversion of a whole image, by the values that it has.

    An alpha channel of zeros everywhere is a fourth byte that its writer left empty,
    as many BMP files have it: such an image is opaque.
    """
    white = None
    if image.mode.startswith("I") or image.mode == "F":
        # PGM files say their white, and Pillow has applied it.
        known = image.format == "PPM" and image.mode != "F"
        white = 65535.0 if known else white_of(np.asarray(image))
    opaque = image.mode in ("LA", "RGBA") and image.getextrema()[-1] == (0, 0)
    return Conversion(white, opaque)


def has_deep_colours(image: Image.Image) -> bool:
    """True if colours have 16 bits in the file, of an image that is not loaded yet.

    Pillow keeps the upper 8.
    """
    if image.mode not in ("LA", "RGB", "RGBA"):
        return False
    return any(";16" in str(tile.args) for tile in image.tile)


def stretch_deep_colours(image: Image.Image, content: bytes) -> Image.Image:
    """A loaded image of 16-bit colours, with all bits if it uses the lower ones only.

    Args:
        image: As Pillow has loaded it.
        content: The encoded image.
    """
    colours = image.getextrema()[: len(image.getbands()) - ("A" in image.getbands())]
    if max(high for _, high in colours) >= _UPPER_BITS:
        return image
    deep = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3:
        return image
    shallow = cv2.convertScaleAbs(deep, alpha=255.0 / white_of(deep[..., :3]))
    order = cv2.COLOR_BGR2RGB
    if deep.shape[2] == 4:
        order = cv2.COLOR_BGRA2RGBA
        alpha = cv2.convertScaleAbs(cv2.extractChannel(deep, 3), alpha=255.0 / 65535.0)
        cv2.insertChannel(alpha, shallow, 3)
    del deep  # of a large photo it is a gigabyte
    return Image.fromarray(cv2.cvtColor(shallow, order, shallow))


def white_of(values: np.ndarray) -> float:
    """The value that is white in an image of more than 8 bits, by its peak.

    Files of 16 and 32 bits do not say how many of them are used: it is the largest
    number of the least usual depth, 8, 10, 12, 14 or 16 bits, that holds the peak, and
    the peak itself beyond. Floats up to 1 are shares of white. Those a little beyond,
    as sharpening gives them, have their peak for white.

    Args:
        values: Integer or float, any shape.
    """
    is_float = values.dtype.kind == "f"
    if is_float:
        values = values[np.isfinite(values)]
    peak = float(values.max(initial=0))
    if is_float and peak < _LEAST_WHITE:
        return max(1.0, peak)
    whites = (float(2**bits - 1) for bits in _BIT_DEPTHS)
    return next((white for white in whites if peak <= white), peak)


def to_8_bits(values: np.ndarray, white: float) -> np.ndarray:
    """The values as uint8, `white` and more as 255; NaN as 0."""
    scaled = np.nan_to_num(values.astype(np.float64), posinf=white)
    return np.clip(scaled * (255.0 / white), 0, 255).round().astype(np.uint8)


def _has_alpha(image):
    return image.mode in _ALPHA_MODES or "transparency" in image.info
