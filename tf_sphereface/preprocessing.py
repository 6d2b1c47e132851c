"""THE pixel contract: what lies between an aligned face on disk and the network.

The functions are written with operators and slices only, so the same lines serve NumPy
arrays, TensorFlow tensors inside tf.data and Keras tensors of any backend.
"""

import dataclasses
import math

from tf_sphereface.geometry import CROP_HEIGHT, CROP_WIDTH, CropGeometry


@dataclasses.dataclass(frozen=True)
class PixelContract:
    """Conversion of a uint8 RGB crop to the input of a network.

    Args:
        height: Rows of the crop, pixels.
        width: Columns of the crop, pixels.
        channel_order: "RGB", or "BGR" for networks that come from Caffe weights.
        mean: Subtracted from the pixel value 0..255.
        scale: Divides the difference.

    Raises: ValueError if a size or the scale is not positive, mean or scale not finite,
        or the order is unknown.
    """

    height: int = CROP_HEIGHT
    width: int = CROP_WIDTH
    channel_order: str = "RGB"
    mean: float = 127.5
    scale: float = 128.0

    def __post_init__(self):
        if self.height < 1 or self.width < 1:
            raise ValueError(
                "`height` and `width` must be at least 1. "
                f"Received: height={self.height!r}, width={self.width!r}"
            )
        if self.channel_order not in ("RGB", "BGR"):
            raise ValueError(
                "`channel_order` must be 'RGB' or 'BGR'. "
                f"Received: channel_order={self.channel_order!r}"
            )
        if not math.isfinite(self.mean):
            raise ValueError(f"`mean` must be finite. Received: mean={self.mean}")
        if not 0 < self.scale < math.inf:
            raise ValueError(
                f"`scale` must be positive and finite. Received: scale={self.scale}"
            )

    @property
    def crop(self) -> CropGeometry:
        """The crops of this size, with the template that belongs to it.

        Raises: ValueError as `landmark_template`.
        """
        return CropGeometry(self.height, self.width)

    def normalize(self, aligned_faces):
        """(x - mean) / scale, in the network's channel order.

        Args:
            aligned_faces: Float (..., height, width, 3), RGB, 0..255. Integer arrays
                are cast by the caller, since each array library has its own cast.

        Returns: Float, same shape; about -1..1 with the default mean and scale.
        """
        if self.channel_order == "BGR":
            aligned_faces = aligned_faces[..., ::-1]
        return (aligned_faces - self.mean) / self.scale


def mirror(aligned_faces):
    """Mirrors left and right; any array (..., height, width, channels)."""
    return aligned_faces[..., ::-1, :]
