"""THE pixel contract: what lies between an aligned face on disk and the network.

The functions are written with operators and slices only, so the same lines serve NumPy
arrays, TensorFlow tensors inside tf.data and Keras tensors of any backend. OpenCV
mirrors pixels in NumPy arrays, to the same bits.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from tf_sphereface.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    LARGEST_CROP,
    CropGeometry,
)

Values = float | tuple[float, float, float]

# Pixels that networks from elsewhere take: mean and scale by a name.
NAMED_PIXELS = {
    "raw": {"mean": 0.0, "scale": 1.0},
    "unit": {"mean": 0.0, "scale": 255.0},
    # PyTorch's means and deviations of ImageNet, RGB.
    "imagenet": {"mean": (123.675, 116.28, 103.53), "scale": (58.395, 57.12, 57.375)},
}


@dataclasses.dataclass(frozen=True)
class PixelContract:
    """Conversion of a uint8 RGB crop to the input of a network.

    Args:
        height: Rows of the crop, pixels.
        width: Columns of the crop, pixels.
        channel_order: "RGB", or "BGR" for networks that come from Caffe weights.
        mean: Subtracted from the pixel value 0..255: a number, or one of each channel
            in the network's order.
        scale: Divides the difference; likewise.

    Raises: ValueError if a size is out of range, the scale is not positive, mean or
        scale not finite or not 1 or 3 numbers, or the order is unknown.
    """

    height: int = CROP_HEIGHT
    width: int = CROP_WIDTH
    channel_order: str = "RGB"
    mean: Values = 127.5
    scale: Values = 128.0

    def __post_init__(self):
        if not all(1 <= side <= LARGEST_CROP for side in (self.height, self.width)):
            raise ValueError(
                f"`height` and `width` must be 1 to {LARGEST_CROP}. "
                f"Received: height={self.height!r}, width={self.width!r}"
            )
        if self.channel_order not in ("RGB", "BGR"):
            raise ValueError(
                "`channel_order` must be 'RGB' or 'BGR'. "
                f"Received: channel_order={self.channel_order!r}"
            )
        for name in ("mean", "scale"):
            value = getattr(self, name)
            if isinstance(value, list):  # as JSON has it
                object.__setattr__(self, name, value := tuple(value))
            if isinstance(value, tuple) and len(value) != 3:
                raise ValueError(
                    f"`{name}` must be 1 or 3 numbers. Received: {name}={value}"
                )
        if not all(map(math.isfinite, _each(self.mean))):
            raise ValueError(f"`mean` must be finite. Received: mean={self.mean}")
        if not all(0 < value < math.inf for value in _each(self.scale)):
            raise ValueError(
                f"`scale` must be positive and finite. Received: scale={self.scale}"
            )

    @property
    def crop(self) -> CropGeometry:
        """The crops of this size, with the template that belongs to it.

        Raises: ValueError as `landmark_template`.
        """
        return CropGeometry(self.height, self.width)

    @property
    def formula(self) -> str:
        """The map of a pixel in words, such as "RGB, (pixel - 127.5) / 128"."""
        return f"{self.channel_order}, {self.arithmetic}"

    @property
    def arithmetic(self) -> str:
        """The map without the order of the channels: "(pixel - 127.5) / 128"."""
        return f"(pixel - {_text(self.mean)}) / {_text(self.scale)}"

    def ends(self, darkest: float = 0.0, brightest: float = 255.0):
        """Least and largest number that the network gets of two pixel values."""
        pairs = list(zip(_each(self.mean, 3), _each(self.scale, 3), strict=True))
        return (
            min((darkest - mean) / scale for mean, scale in pairs),
            max((brightest - mean) / scale for mean, scale in pairs),
        )

    def normalize(self, aligned_faces):
        """(x - mean) / scale, in the network's channel order.

        Args:
            aligned_faces: Float (..., height, width, 3), RGB, 0..255. Integer arrays
                are cast by the caller, since each array library has its own cast.

        Returns: Float, same shape; about -1..1 with the default mean and scale.
        """
        if self.channel_order == "BGR":
            aligned_faces = aligned_faces[..., ::-1]
        mean, scale = (
            # Of an array, so that float32 stays float32.
            np.float32(value) if isinstance(value, tuple) else value
            for value in (self.mean, self.scale)
        )
        return (aligned_faces - mean) / scale


def chosen_pixels(
    model: str,
    own: PixelContract | None,
    size: tuple[int, int],
    given: Mapping[str, str | Values],
    rescaled_by: str | None = None,
) -> tuple[PixelContract, str | None]:
    """The pixel contract of a model: what is said, what it has, or what is assumed.

    Args:
        model: Its name, for the note.
        own: The contract that came with the model, or None.
        size: Height and width of its input, pixels.
        given: Fields of a contract that the user says; they go before the model's.
        rescaled_by: Name of a first layer that scales pixels 0..255 itself, or None.

    Returns: The contract, and a sentence on what was assumed or replaced, or None.
    Raises: ValueError as `PixelContract`.
    """
    if own is not None:
        contract = dataclasses.replace(own, **given)
        if contract == own:
            return own, None
        return contract, (
            f"{model} has a pixel contract, {own.formula}: replaced by "
            f"{contract.formula}"
        )
    raw = NAMED_PIXELS["raw"]
    assumed = {} if rescaled_by is None else raw
    contract = PixelContract(*size, **{**assumed, **given})
    because = ""
    if rescaled_by is not None:
        because = f" (its layer {rescaled_by} rescales pixels)"
        if (contract.mean, contract.scale) != tuple(raw.values()):
            return contract, (
                f"{model} gets {contract.formula}, and its layer {rescaled_by} "
                "rescales pixels too: is it --pixels raw?"
            )
    if set(raw) <= set(given):
        return contract, None
    return contract, (
        f"{model} has no pixel contract: assumed {contract.formula}{because}; say "
        "another with --pixels or --mean and --scale, and --channel-order"
    )


def _each(value, times=1):
    return value if isinstance(value, tuple) else (value,) * times


def _text(value):
    numbers = ", ".join(f"{number:g}" for number in _each(value))
    return f"({numbers})" if isinstance(value, tuple) else numbers


def black_and_white(height: int, width: int) -> np.ndarray:
    """A black and a white crop to try a network on, uint8 (2, height, width, 3)."""
    crops = np.zeros((2, height, width, 3), np.uint8)
    crops[1] = 255
    return crops


def mirror(aligned_faces):
    """Mirrors left and right; any array (..., height, width, channels).

    Returns: The same shape; of uint8 NumPy arrays a copy, of others what slicing gives.
    """
    pixels = isinstance(aligned_faces, np.ndarray) and aligned_faces.dtype == np.uint8
    if not pixels or not aligned_faces.size:
        return aligned_faces[..., ::-1, :]
    import cv2  # not for those who train

    # A tenth of the time: NumPy copies a mirrored view pixel by pixel.
    rows = aligned_faces.reshape(-1, *aligned_faces.shape[-2:])
    return cv2.flip(rows, 1).reshape(aligned_faces.shape)
