"""Rounding of the tf-keras copy's tensors to 8 bits."""

import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.quantization import keras as tfmot_quantization

from tf_sphereface.quantization_training.eight_bit_file import EightBitPlan
from tf_sphereface.quantization_training.plan import KERNELS

_quantizers = tfmot_quantization.quantizers
# These pass numbers on: their output has the scale of their input.
PASSED_ON = (
    *("Dropout", "Flatten", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    *("MaxPooling2D", "Reshape", "ZeroPadding2D"),
)


class KernelQuantizer(_quantizers.LastValueQuantizer):
    """-127..127 times a scale, for the kernel or for each of its output channels.

    Args:
        per_channel: Whether each output channel has a scale.
        depthwise: Whether the kernel is (height, columns, channels, multiplier): its
            output channels are the last two axes, which the library does not know.
    """

    def __init__(self, per_channel=True, depthwise=False):
        super().__init__(
            num_bits=8, per_axis=per_channel, symmetric=True, narrow_range=True
        )
        self.depthwise = depthwise

    def build(self, tensor_shape, name, layer):
        channels = tensor_shape[-1]
        if self.depthwise:
            channels = tensor_shape[-2] * tensor_shape[-1]
        shape = (int(channels),) if self.per_axis else ()
        return {
            f"{end}_var": layer.add_weight(
                f"{name}_{end}", shape=shape, initializer="zeros", trainable=False
            )
            for end in ("min", "max")
        }

    def __call__(self, inputs, training, weights, **kwargs):
        if not (self.per_axis and self.depthwise):
            return super().__call__(inputs, training, weights, **kwargs)
        height, columns, channels, multiplier = inputs.shape
        flat = tf.reshape(inputs, (height, columns, 1, channels * multiplier))
        return tf.reshape(
            super().__call__(flat, training, weights, **kwargs), inputs.shape
        )

    def get_config(self):
        return {"per_channel": self.per_axis, "depthwise": self.depthwise}


class EightBitLayer(tfmot_quantization.QuantizeConfig):
    """Rounds a layer's weight, if one is named, and its output.

    The library's own configs know no PReLU, and round depthwise kernels along an axis
    that has one entry.

    Args:
        weight: Name of the layer's kernel, or None.
        per_channel: As in `KernelQuantizer`.
        depthwise: As in `KernelQuantizer`.
        round_output: False where the output has the scale of the input.
    """

    def __init__(
        self, weight=None, per_channel=False, depthwise=False, round_output=True
    ):
        self.weight = weight
        self.per_channel = per_channel
        self.depthwise = depthwise
        self.round_output = round_output

    def get_weights_and_quantizers(self, layer):
        if self.weight is None:
            return []
        quantizer = KernelQuantizer(self.per_channel, self.depthwise)
        return [(getattr(layer, self.weight), quantizer)]

    def set_quantize_weights(self, layer, quantize_weights):
        if self.weight is not None:
            setattr(layer, self.weight, quantize_weights[0])

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        if not self.round_output:
            return []
        return [
            _quantizers.MovingAverageQuantizer(
                num_bits=8, per_axis=False, symmetric=False, narrow_range=False
            )
        ]

    def get_config(self):
        return {
            "weight": self.weight,
            "per_channel": self.per_channel,
            "depthwise": self.depthwise,
            "round_output": self.round_output,
        }


def quantized_copy(twin: tf_keras.Model, plan: EightBitPlan) -> tf_keras.Model:
    """A copy of the twin that rounds to 8 bits what the plan's file has in 8 bits."""

    def annotate(layer):
        if isinstance(layer, tf_keras.layers.InputLayer):
            return layer.__class__.from_config(layer.get_config())
        return tfmot_quantization.quantize_annotate_layer(layer, _config(layer, plan))

    kinds = {EightBitLayer, KernelQuantizer, *(type(layer) for layer in twin.layers)}
    scope = {kind.__name__: kind for kind in kinds}
    with tfmot_quantization.quantize_scope(scope):
        annotated = tf_keras.models.clone_model(twin, clone_function=annotate)
        annotated.set_weights(twin.get_weights())
        return tfmot_quantization.quantize_apply(annotated)


def _config(layer, plan):
    kind = type(layer).__name__
    return EightBitLayer(
        KERNELS.get(kind),
        per_channel=layer.name in plan.per_channel,
        depthwise=kind == "DepthwiseConv2D",
        round_output=layer.name in plan.rounded and kind not in PASSED_ON,
    )
