"""Conversion of a Keras backbone to TFLite, float32 or with float16 weights."""

import tempfile

import keras
import tensorflow as tf

from tf_sphereface.deployment.saved_model import write_saved_model


def to_tflite(backbone: keras.Model, half_weights: bool = False) -> bytes:
    """Converts to TFLite with a fixed batch of 1.

    A phone embeds one face at a time, and delegates for its GPU or NPU want fixed
    shapes: a dynamic batch adds SHAPE, STRIDED_SLICE and PACK operators and splits the
    graph into two delegate partitions.

    Args:
        backbone: Built float32 network.
        half_weights: Store the weights as float16; the arithmetic stays float32 where
            the machine has no half-precision unit.

    Raises: tf.lite's ConverterError if an operator has no TFLite counterpart.
    """
    # Not from_concrete_functions: with a Keras 3 model it writes no weights.
    with tempfile.TemporaryDirectory() as directory:
        write_saved_model(backbone, directory, batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(directory)
        if half_weights:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
