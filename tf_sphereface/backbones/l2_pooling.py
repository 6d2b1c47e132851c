"""L2 pooling: the norm of a window instead of its largest value."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="tf_sphereface")
class L2Pooling2D(layers.Layer):
    """sqrt(sum x^2) over 3 x 3 windows, one at each place, with zeros around the image.

    The gradient of a window of zeros is 0. Half precision is widened to float32 for
    the sum: squares above 256 would overflow float16.

    Call arguments:
        inputs: Float (batch, height, columns, channels).

    Returns: Float, same shape and dtype.
    Reference: FaceNet, https://arxiv.org/abs/1503.03832, Table 2.
    """

    def call(self, inputs):
        dtype = inputs.dtype
        if keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16"):
            inputs = ops.cast(inputs, "float32")
        padded = ops.pad(ops.square(inputs), ((0, 0), (1, 1), (1, 1), (0, 0)))
        sums = 9 * ops.average_pool(padded, 3, strides=1, padding="valid")
        return ops.cast(ops.sqrt(ops.maximum(sums, 1e-30)), dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        # Keras cannot derive it where `dtype` was given as a policy, as on loading.
        return super().get_config()
