"""Reading photos of every kind that people have."""

import contextlib
import dataclasses
import functools
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tf_sphereface.errors import InputError

PHOTO_SUFFIXES = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
# Pillow's names of what such files hold, whatever their suffix says. Not all that it
# reads: for EPS it starts Ghostscript.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_JPEG_REDUCTIONS = (1, 2, 4, 8)  # those that a decoder offers
_STRIP_PIXELS = 1 << 22  # converted at a time


@dataclasses.dataclass(frozen=True)
class DecodedPhoto:
    """A photo, or a smaller picture of it.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        reduction: How many of the photo's pixels, in x and in y, one of these is the
            mean of: 1, 2, 4, ...
    """

    pixels: np.ndarray
    reduction: int = 1

    def to_photo(self, points: np.ndarray) -> np.ndarray:
        """Pixels of the photo for pixels (..., 2) of the picture; the first is 0."""
        return (points + 0.5) * self.reduction - 0.5

    def from_photo(self, points: np.ndarray) -> np.ndarray:
        """Pixels of the picture for pixels (..., 2) of the photo."""
        return (points + 0.5) / self.reduction - 0.5

    def shows(self, points: np.ndarray) -> bool:
        """True if one of the points (n, 2), pixels of the photo, lies in it."""
        height, width = self.pixels.shape[:2]
        found = self.from_photo(points)
        return bool(
            ((found > -0.5) & (found < (width - 0.5, height - 0.5))).all(1).any()
        )


def read_photo(path: Path) -> np.ndarray:
    """Reads a photo as people see it: upright, 8 bits a channel, RGB.

    Grey, palette, CMYK and 16-bit images are converted, transparency is laid on white,
    and the EXIF orientation is applied. A truncated file is refused, not filled in.

    Returns: uint8 (height, width, 3), RGB.
    Raises: InputError if the file is missing, damaged or not an image, or has more
        pixels than Pillow allows (179 million).
    """
    with _opened(path, path) as image:
        return _decode(image)


def decode_photo(
    content: bytes, name: str, most_pixels: float = float("inf")
) -> DecodedPhoto:
    """As `read_photo`, of a photo in memory, which may be made smaller.

    A photo of more than `most_pixels` is reduced by the least power of 2 that brings it
    to that size, each pixel the mean of a square. JPEG decoders give up to the eighth
    part at once, so that the whole photo is never in memory; of other kinds it is.

    Args:
        content: The encoded photo.
        name: What to call it in messages.
        most_pixels: Largest number of pixels to return.

    Raises: InputError as `read_photo`.
    """
    with _opened(io.BytesIO(content), name) as image:
        width, height = image.size
        reduction = 1
        while -(-width // reduction) * -(-height // reduction) > most_pixels:
            reduction *= 2
        if reduction == 1:
            return DecodedPhoto(_decode(image))
        return DecodedPhoto(_decode_reduced(image, reduction), reduction)


@contextlib.contextmanager
def _opened(file, name):
    try:
        with warnings.catch_warnings():
            # Of photos of half the size that is refused.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=_known_formats())
        with image:
            yield image
    except FileNotFoundError as error:
        raise InputError(f"no such photo: {name}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"not an image: {name}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"too large an image: {name} ({error})") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"damaged image: {name} ({error})") from error


@functools.cache
def _known_formats():
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]  # AVIF is optional


def _decode(image):
    image.load()
    upright = ImageOps.exif_transpose(image)
    return np.asarray(_to_rgb(upright, _grey_peak(upright)))


def _decode_reduced(image, reduction):
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    width, height = image.size
    offered = min(reduction, _JPEG_REDUCTIONS[-1])
    # Only JPEG's reader does anything here; it may not give all that is asked for.
    image.draft(None, (max(1, width // offered), max(1, height // offered)))
    done = next(
        step
        for step in _JPEG_REDUCTIONS
        if image.size == (-(-width // step), -(-height // step))
    )
    image.load()
    reduced = _in_strips(image, reduction // done)
    reduced.getexif()[ExifTags.Base.Orientation] = orientation
    return np.asarray(ImageOps.exif_transpose(reduced))


def _in_strips(image, reduction):
    """Converts and reduces strip by strip: no second copy of a large photo."""
    (width, height), peak = image.size, _grey_peak(image)
    size = -(-width // reduction), -(-height // reduction)
    reduced = Image.new("RGB", size)
    rows = max(1, _STRIP_PIXELS // (width * reduction))
    for top in range(0, size[1], rows):
        bottom = min(height, (top + rows) * reduction)
        strip = _to_rgb(image.crop((0, top * reduction, width, bottom)), peak)
        reduced.paste(strip.reduce(reduction), (0, top))
    return reduced


def _grey_peak(image):
    """The value that is white in an image of more than 8 bits; None for others."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return None
    peak = np.asarray(image).max(initial=0)
    if image.mode == "F":
        return 255.0 if peak > 1 else 1.0
    if image.mode == "I" and peak <= 255:
        return 255.0  # 8 bits kept in 32
    return 65535.0


def _to_rgb(image, peak):
    if peak is not None:
        # Pillow's own conversion clips 16-bit values at 255 and turns photos white.
        values = np.asarray(image).astype(np.float64)
        grey = np.clip(values * (255.0 / peak), 0, 255).round().astype(np.uint8)
        image = Image.fromarray(grey)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")
