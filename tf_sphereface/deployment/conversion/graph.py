"""What the exported graph does besides the network: pixels, mirror image, length."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from tf_sphereface.preprocessing import PixelContract, mirror

MIRRORS = ("none", "concat", "mean")


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """What is inside the exported graph; the program around it must not do it again.

    Args:
        pixels: Take uint8 RGB crops and normalise them inside. False: the graph takes
            float32 that is normalised by the pixel contract.
        mirror: "concat": the output is the embedding of the crop, then that of its
            mirror image; "mean": the mean of the two; "none": of the crop alone.
        l2_normalized: Whether the output has length 1.

    Raises: ValueError if `mirror` is unknown.
    """

    pixels: bool = False
    mirror: Literal["none", "concat", "mean"] = "none"
    l2_normalized: bool = False

    def __post_init__(self):
        if self.mirror not in MIRRORS:
            raise ValueError(
                f"`mirror` must be one of {MIRRORS}. Received: mirror={self.mirror!r}"
            )

    @property
    def input_dtype(self) -> tf.DType:
        """What the graph takes."""
        return tf.uint8 if self.pixels else tf.float32


def embedding_graph(
    backbone: keras.Model, pixel_contract: PixelContract, options: GraphOptions
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that is exported.

    Args:
        backbone: Built float32 network.
        pixel_contract: Normalises the crops if that is inside.
        options: What is inside.

    Returns: Function of faces (batch, height, width, 3), of `options.input_dtype`, to
        float32 (batch, embedding_dim), twice as wide with mirror "concat".
    """

    def embed(aligned_faces):
        if options.pixels:
            aligned_faces = tf.cast(aligned_faces, tf.float32)
            aligned_faces = pixel_contract.normalize(aligned_faces)
        if options.mirror != "none":  # one call: each weight is in the file once
            aligned_faces = tf.concat([aligned_faces, mirror(aligned_faces)], axis=0)
        outputs = tf.cast(backbone(aligned_faces, training=False), tf.float32)
        if options.mirror != "none":
            plain, mirrored = tf.split(outputs, 2, axis=0)
            if options.mirror == "concat":
                outputs = tf.concat([plain, mirrored], axis=1)
            else:
                outputs = (plain + mirrored) / 2
        if options.l2_normalized:
            outputs = tf.math.l2_normalize(outputs, axis=1)
        return outputs

    return embed
