"""An 8-bit TFLite file of a network that was trained with 8 bits."""

import tensorflow as tf
import tf_keras

from tf_sphereface.bundle.records import INPUT_NAME, OUTPUT_NAME
from tf_sphereface.files import scratch_folder


def to_eight_bit_tflite(model: tf_keras.Model) -> bytes:
    """Converts with a fixed batch of 1: integers inside, float32 input and output.

    Args:
        model: As `quantizers.quantized_copy` gives, trained.

    Raises: tf.lite's ConverterError if an operator has no TFLite counterpart.
    """
    shape = (1, *model.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name=INPUT_NAME)])
    def embed(aligned_face):
        return {OUTPUT_NAME: model(aligned_face, training=False)}

    module = tf.Module()
    # Rounded kernels take the places of some variables in their layers.
    module.weights = list(model.variables)
    with scratch_folder() as folder:
        directory = str(folder)
        tf.saved_model.save(module, directory, signatures={"serving_default": embed})
        converter = tf.lite.TFLiteConverter.from_saved_model(directory)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()
