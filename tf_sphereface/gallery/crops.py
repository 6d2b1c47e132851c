"""Aligned faces that a gallery keeps, as PNG."""

import io

import numpy as np
from PIL import Image

from tf_sphereface.data.photos.images import decode_photo, read_header
from tf_sphereface.errors import InputError


def encoded_crop(crop: np.ndarray) -> bytes:
    """A crop, uint8 (height, width, 3), RGB, as PNG: every pixel is kept."""
    encoded = io.BytesIO()
    Image.fromarray(crop).save(encoded, "PNG")
    return encoded.getvalue()


def decoded_crop(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """The pixels of a kept crop.

    Args:
        content: The picture.
        size: Its height and width, pixels.

    Returns: uint8 (height, width, 3), RGB.
    Raises: InputError if it is no picture, or not of the size.
    """
    header = read_header(content, "a kept crop")
    if (header.height, header.width) != tuple(size):
        raise InputError(
            f"a kept crop has {header.height} x {header.width} pixels, not "
            f"{size[0]} x {size[1]}"
        )
    return decode_photo(content, "a kept crop").pixels
