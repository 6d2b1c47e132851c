"""Reading photos of every kind that people have."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tf_sphereface.errors import InputError

PHOTO_SUFFIXES = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def read_photo(path: Path) -> np.ndarray:
    """Reads a photo as people see it: upright, 8 bits a channel, RGB.

    Grey, palette, CMYK and 16-bit images are converted, transparency is laid on white,
    and the EXIF orientation is applied. A truncated file is refused, not filled in.

    Returns: uint8 (height, width, 3), RGB.
    Raises: InputError if the file is missing, damaged or not an image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise InputError(f"no such photo: {path}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"not an image: {path}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"damaged image: {path} ({error})") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion clips 16-bit values at 255 and turns photos white.
        values = np.asarray(image).astype(np.float64)
        if image.mode == "F":
            peak = 255.0 if values.max(initial=0) > 1 else 1.0
        elif image.mode == "I" and values.max(initial=0) <= 255:
            peak = 255.0  # 8 bits kept in 32
        else:
            peak = 65535.0
        grey = np.clip(values * (255.0 / peak), 0, 255).round().astype(np.uint8)
        image = Image.fromarray(grey)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")
