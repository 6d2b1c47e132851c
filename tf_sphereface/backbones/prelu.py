"""PReLU whose training step reads its tensors once."""

import keras
from keras import layers, ops

from tf_sphereface.one_pass import compiles, in_one_pass

_MOST_PARTS = 16


@keras.saving.register_keras_serializable(package="tf_sphereface")
class PReLU(layers.PReLU):
    """Keras' PReLU: x where x > 0, alpha x elsewhere; the same values and weights.

    Keras' formula is six passes over the tensor and six more for the gradient; on
    TensorFlow's CPU a training step takes one each, and the sum of alpha's gradient is
    float32 in half precision too. Inference keeps Keras' operators, which exported
    files are recognised by.

    Call arguments:
        inputs: Float (batch, ...).
        training: Whether gradients will be asked for.

    Returns: Float, same shape and dtype.
    """

    def call(self, inputs, training=None):
        if not (training and compiles()):
            return super().call(inputs)
        return _prelu(inputs, ops.cast(self.alpha, self.compute_dtype))


@ops.custom_gradient
def _prelu(inputs, alpha):
    def gradients(upstream):
        by_inputs, products = _gradients(inputs, alpha, upstream)
        # An axis that the places of a map share has length 1 in alpha.
        shared = [axis for axis, size in enumerate(alpha.shape, 1) if size == 1]
        by_alpha = ops.reshape(ops.sum(products, axis=(0, *shared)), alpha.shape)
        return by_inputs, ops.cast(by_alpha, alpha.dtype)

    return _values(inputs, alpha), gradients


@in_one_pass
def _values(inputs, alpha):
    return ops.where(inputs > 0, inputs, alpha * inputs)


@in_one_pass
def _gradients(inputs, alpha, upstream):
    """By the inputs, none at 0 as Keras has it, and products whose sum is alpha's.

    XLA adds up neither with vectors nor on several cores, but it does what is written
    out: up to `_MOST_PARTS` parts of the rows are added here.
    """
    zeros = ops.zeros_like(inputs)
    slopes = ops.where(inputs < 0, alpha * upstream, zeros)
    by_inputs = ops.where(inputs > 0, upstream, slopes)
    wide = keras.backend.result_type(inputs.dtype, "float32")
    negative = ops.cast(ops.minimum(inputs, zeros), wide)
    products = negative * ops.cast(upstream, wide)
    rows = inputs.shape[1] if alpha.shape[0] == 1 else None
    parts = max(n for n in range(1, _MOST_PARTS + 1) if (rows or 1) % n == 0)
    return by_inputs, sum(ops.split(products, parts, axis=1))
