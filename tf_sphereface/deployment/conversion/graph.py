"""The exported graph: the network, and the steps around it that are inside."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.preprocessing import PixelContract, mirror


def input_dtype(feature: FeatureRecord) -> tf.DType:
    """Type of the graph's input."""
    return tf.uint8 if "pixels" in feature.inside else tf.float32


def embedding_graph(
    backbone: keras.Model, pixel_contract: PixelContract, feature: FeatureRecord
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that is exported.

    Args:
        backbone: Built float32 network.
        pixel_contract: Normalises the crops if that is inside.
        feature: The steps that are inside.

    Returns: Function of faces (batch, height, width, 3), of `input_dtype(feature)`, to
        float32 (batch, embedding_dim), twice as wide with mirror "concat" inside.
    """

    inside = feature.mirror_inside

    def embed(aligned_faces):
        if "pixels" in feature.inside:
            aligned_faces = tf.cast(aligned_faces, tf.float32)
            aligned_faces = pixel_contract.normalize(aligned_faces)
        if inside != "none":  # one call: each weight is in the file once
            aligned_faces = tf.concat([aligned_faces, mirror(aligned_faces)], axis=0)
        outputs = tf.cast(backbone(aligned_faces, training=False), tf.float32)
        if inside != "none":
            plain, mirrored = tf.split(outputs, 2, axis=0)
            if inside == "concat":
                outputs = tf.concat([plain, mirrored], axis=1)
            else:
                outputs = (plain + mirrored) / 2
        if "l2" in feature.inside:
            outputs = tf.math.l2_normalize(outputs, axis=1)
        return outputs

    return embed
