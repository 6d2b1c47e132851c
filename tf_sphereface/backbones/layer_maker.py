"""The layers that several backbones are made of."""

import inspect

import keras
from keras import layers

from tf_sphereface.backbones.prelu import PReLU


class LayerMaker:
    """Makes named layers with one dtype policy and applies them.

    Convolutions are padded by size // 2 on every side, as Caffe and PyTorch do: "same",
    as TensorFlow pads, has less at the top and at the left for a stride of 2.

    Args:
        dtype: Policy of every layer; None: the global one.
        width_multiplier: Factor on channels, see `channels`.
        kernel_initializer: Of convolutions.
        epsilon: Of batch norm.
        momentum: Of the moving statistics of batch norm, the share that stays;
            PyTorch's momentum of 0.1 is 0.9 here.
        tensorflow_padding: Whether to pad as TensorFlow does.
    """

    def __init__(
        self,
        dtype=None,
        width_multiplier=1.0,
        kernel_initializer="he_normal",
        epsilon=1e-5,
        momentum=0.9,
        tensorflow_padding=False,
    ):
        self.dtype = dtype
        self.width_multiplier = width_multiplier
        self.kernel_initializer = kernel_initializer
        self.epsilon = epsilon
        self.momentum = momentum
        self.tensorflow_padding = tensorflow_padding

    def channels(self, number):
        """`number` times the width multiplier, at least 1."""
        return max(1, round(number * self.width_multiplier))

    def layer(self, layer_class, inputs, name, **arguments):
        """Any layer, with the dtype policy; channels are the last axis.

        A user's Keras settings may say otherwise; pixel contracts and exported files
        do not.
        """
        if "data_format" in inspect.signature(layer_class).parameters:
            arguments.setdefault("data_format", "channels_last")
        return layer_class(name=name, dtype=self.dtype, **arguments)(inputs)

    def conv(self, inputs, channels, size, name, strides=1, padded=True, **arguments):
        """A convolution without bias, unless `use_bias` is among `arguments`."""
        arguments.setdefault("kernel_initializer", self.kernel_initializer)
        arguments.setdefault("use_bias", False)
        inputs, padding = self._pad(inputs, size, strides, padded, name)
        return self.layer(
            layers.Conv2D,
            inputs,
            name,
            filters=channels,
            kernel_size=size,
            strides=strides,
            padding=padding,
            **arguments,
        )

    def depthwise_conv(self, inputs, size, name, strides=1, padded=True):
        """A convolution of each channel by itself, without bias."""
        inputs, padding = self._pad(inputs, size, strides, padded, name)
        return self.layer(
            layers.DepthwiseConv2D,
            inputs,
            name,
            kernel_size=size,
            strides=strides,
            padding=padding,
            use_bias=False,
            depthwise_initializer=self.kernel_initializer,
        )

    def max_pool(self, inputs, name, strides=2, padded=True):
        """3 x 3 maxima of what is not negative: the padding is of zeros."""
        inputs, padding = self._pad(inputs, 3, strides, padded, name)
        return self.layer(
            layers.MaxPooling2D,
            inputs,
            name,
            pool_size=3,
            strides=strides,
            padding=padding,
        )

    def batch_norm(self, inputs, name):
        return self.layer(
            layers.BatchNormalization,
            inputs,
            name,
            epsilon=self.epsilon,
            momentum=self.momentum,
        )

    def prelu(self, inputs, name):
        """Starts at 0.25; one alpha per channel, as the TFLite GPU delegate needs."""
        return self.layer(
            PReLU,
            inputs,
            name,
            alpha_initializer=keras.initializers.Constant(0.25),
            shared_axes=[1, 2],
        )

    def conv_bn_relu(self, inputs, channels, size, name, strides=1, padded=True):
        """NAME_conv without bias, NAME_bn, NAME_relu."""
        outputs = self.conv(inputs, channels, size, f"{name}_conv", strides, padded)
        outputs = self.batch_norm(outputs, f"{name}_bn")
        return self.layer(layers.ReLU, outputs, f"{name}_relu")

    def _pad(self, inputs, size, strides, padded, name):
        if not padded:
            return inputs, "valid"
        if strides == 1 or self.tensorflow_padding:
            return inputs, "same"  # the same on both sides, for odd sizes
        inputs = self.layer(
            layers.ZeroPadding2D, inputs, f"{name}_pad", padding=size // 2
        )
        return inputs, "valid"
