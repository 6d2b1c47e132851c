"""Reading photos of every kind that people have."""

import contextlib
import dataclasses
import io
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from tf_sphereface.data.photos.colours import (
    conversion_of,
    has_deep_colours,
    stretch_deep_colours,
)
from tf_sphereface.data.photos.decoder_warnings import DecoderWarningsIgnored
from tf_sphereface.data.photos.kinds import (
    INSTALL_HEIF,
    NEEDS_HEIF,
    is_heif,
    readable_formats,
)
from tf_sphereface.errors import InputError

_JPEG_REDUCTIONS = (1, 2, 4, 8)  # those that a decoder offers
# No photo is larger; a length field that says so is damage, or an attack.
LARGEST_PHOTO = 1 << 29  # bytes
# Of kinds that are decoded whole; a JPEG is reduced while it is read, and may have as
# many as Pillow allows. A photo takes 2 GB of memory at most, and some 20 s.
_MOST_PIXELS = 90_000_000
# Each scan of a progressive JPEG goes over all pixels and may have very few bytes.
_MOST_PIXELS_OF_SCANS = 5_000_000_000
_START_OF_SCAN = b"\xff\xda"
_MOST_SECONDS = 20  # of processor time
_STRIP_PIXELS = 1 << 22  # converted at a time
_WARNINGS_IGNORED = DecoderWarningsIgnored()
_TURNS = {  # of pixels, by EXIF's orientation
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


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
    Raises: InputError if the file is missing, damaged or not an image, has more pixels
        than a decoder can be trusted with (a JPEG 179 million, others 90 million), or
        takes more than 20 s to decode.
    """
    return decode_photo(read_content(path), str(path)).pixels


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
    with _opened(content, name) as image:
        width, height = image.size
        reduction = 1
        while -(-width // reduction) * -(-height // reduction) > most_pixels:
            reduction *= 2
        reduced = 1 if reduction == 1 else _ask_for_less(image, reduction)
        deep = has_deep_colours(image)
        image.load()
        turn = _turn_of(image)
        if deep:
            image = stretch_deep_colours(image, content)
        pixels = _to_rgb(image, reduction // reduced)
        return DecodedPhoto(_upright(pixels, turn), reduction)


class PhotoHeader(NamedTuple):
    """Beginning of an encoded photo: size in pixels, Pillow's mode and format."""

    width: int
    height: int
    mode: str
    kind: str


def read_header(content: bytes, name: str) -> PhotoHeader:
    """The header of a photo in memory; nothing is decoded.

    Raises: InputError if there is none, or if `decode_photo` would refuse the size.
    """
    with _opened(content, name) as image:
        return PhotoHeader(*image.size, image.mode, image.format)


def read_content(path: Path) -> bytes:
    """The encoded photo in a file.

    Raises: InputError if it is missing, no file, too large or cannot be read.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise InputError(f"no such photo: {path}")
        if not path.is_file():  # reading a pipe would wait for ever
            raise InputError(f"not a file: {path}")
        return read_photo_file(path)
    except OSError as error:
        raise InputError(f"damaged image: {path} ({error.strerror})") from error


def read_photo_file(path: Path) -> bytes:
    """The content of a regular file that may hold a photo.

    Raises: InputError if it is larger than a photo; OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > LARGEST_PHOTO:
            raise InputError(f"too large a file: {path}")
        return file.read()  # with a number it would take memory of that size first


@contextlib.contextmanager
def _opened(content, name):
    """The open image; whatever goes wrong with it in the block is an InputError."""
    try:
        with (
            _WARNINGS_IGNORED,
            Image.open(_TimedBytes(content), formats=readable_formats()) as image,
        ):
            _refuse_costly(image, content, name)
            yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        if is_heif(content):
            raise InputError(f"{NEEDS_HEIF}: {name}; {INSTALL_HEIF}") from error
        raise InputError(f"not an image: {name}") from error
    except (Image.DecompressionBombError, MemoryError, TimeoutError) as error:
        raise InputError(f"too large an image: {name} ({_one_line(error)})") from error
    except Exception as error:
        # Files are damaged in ways that no list of Pillow's errors foresees, and one
        # photo must not end a run of millions.
        raise InputError(f"damaged image: {name} ({_one_line(error)})") from error


class _TimedBytes(io.BytesIO):
    """The encoded photo; a decoder that has taken too long gets no more of it."""

    def __init__(self, content):
        super().__init__(content)
        # No thread has spent its seconds before they passed; this clock costs less.
        self._earliest = time.monotonic() + _MOST_SECONDS
        self._end = time.thread_time() + _MOST_SECONDS

    def read(self, size=-1):
        if time.monotonic() > self._earliest and time.thread_time() > self._end:
            raise TimeoutError(f"decoding takes more than {_MOST_SECONDS} s")
        return super().read(size)


def _refuse_costly(image, content, name):
    (width, height), jpeg = image.size, image.format in ("JPEG", "MPO")
    most = _MOST_PIXELS // 2 if has_deep_colours(image) else _MOST_PIXELS
    if width * height > most and not jpeg:
        raise InputError(
            f"too large an image: {name} ({width} x {height} pixels; more than "
            f"{most:,} can be in a JPEG only)"
        )
    scans = 1
    if jpeg and len(content) * width * height > _MOST_PIXELS_OF_SCANS:
        scans = content.count(_START_OF_SCAN)  # of few bytes there is no need to count
    if scans * width * height > _MOST_PIXELS_OF_SCANS:
        raise InputError(
            f"too large an image: {name} ({width} x {height} pixels in {scans} scans)"
        )


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


def _ask_for_less(image, reduction):
    """Tells the decoder to reduce the photo; gives by how much it will.

    Only JPEG's reader does anything here, and perhaps less than it is asked for.
    """
    width, height = image.size
    offered = min(reduction, _JPEG_REDUCTIONS[-1])
    image.draft(None, (max(1, width // offered), max(1, height // offered)))
    return next(
        step
        for step in _JPEG_REDUCTIONS
        if image.size == (-(-width // step), -(-height // step))
    )


def _turn_of(image):
    """The function of pixels that EXIF asks for; None without one.

    Only after the image is loaded, since some kinds have their EXIF at the end.
    """
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:
        return None  # the metadata are damaged, the picture is not


def _upright(pixels, turn):
    # ImageOps.exif_transpose would write the EXIF anew, which fails on odd values.
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def _to_rgb(image, reduction):
    """Converts and reduces strip by strip: no second copy of a large photo.

    Nor any of a small one: `crop` and `reduce` copy also what they leave as it is.
    """
    (width, height), conversion = image.size, conversion_of(image)
    size = -(-height // reduction), -(-width // reduction)
    reduced = np.empty((*size, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // (width * reduction))
    for top in range(0, size[0], rows):
        strip = image
        if rows < size[0]:
            bottom = min(height, (top + rows) * reduction)
            strip = image.crop((0, top * reduction, width, bottom))
        strip = conversion.apply(strip)
        reduced[top : top + rows] = strip.reduce(reduction) if reduction > 1 else strip
    return reduced
