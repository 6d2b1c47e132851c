"""MobileFaceNet: a network of a million parameters for phones."""

import keras
from keras import layers

from tf_sphereface.backbones.backbone import Backbone

# Expansion, channels, number and first stride of the bottlenecks (the paper's Table 1).
BOTTLENECKS = (
    (2, 64, 5, 2),
    (4, 128, 1, 2),
    (2, 128, 6, 1),
    (4, 128, 1, 2),
    (2, 128, 2, 1),
)


@keras.saving.register_keras_serializable(package="tf_sphereface")
class MobileFaceNet(Backbone):
    """MobileFaceNet: inverted bottlenecks, then a depthwise convolution over the map.

    Every convolution is without bias and followed by batch norm; PReLU follows where
    the paper has no "linear". Layers carry the module paths of a widely used PyTorch
    port, with "_" for "." (conv1_conv, blocks_0_conv_0, ..., linear1_bn).

    Args:
        embedding_dim: Length of the embedding; 128 in the paper.
        width_multiplier: Factor on all channels but the embedding's; 1 in the paper.
        height: Rows of the input, pixels; 112 in the paper.
        width: Columns of the input, pixels; 112 or 96 in the paper.
        tensorflow_padding: Whether convolutions of stride 2 are padded as TensorFlow
            does, less at the top and at the left; networks trained there need it.
        **kwargs: Of `Backbone`.

    Call arguments:
        inputs: Float (batch, height, width, 3), as `PixelContract.normalize` gives.

    Returns: Float (batch, embedding_dim), not L2-normalised.
    Raises: ValueError if an argument is out of range.
    Reference: MobileFaceNets, https://arxiv.org/abs/1804.07573, Table 1.
    """

    def __init__(
        self,
        embedding_dim: int = 128,
        width_multiplier: float = 1.0,
        height: int = 112,
        width: int = 96,
        tensorflow_padding: bool = False,
        **kwargs,
    ):
        kwargs.setdefault("name", "mobilefacenet")
        super().__init__(
            _embed,
            {
                "embedding_dim": embedding_dim,
                "width_multiplier": width_multiplier,
                "tensorflow_padding": tensorflow_padding,
            },
            height=height,
            width=width,
            **kwargs,
        )


def _embed(images, make, embedding_dim):
    outputs = make.conv(images, make.channels(64), 3, "conv1_conv", strides=2)
    outputs = _activated(make, outputs, "conv1")
    outputs = make.depthwise_conv(outputs, 3, "dw_conv1_conv")
    outputs = _activated(make, outputs, "dw_conv1")
    number = 0
    for expansion, channels, repeats, stride in BOTTLENECKS:
        for repeat in range(repeats):
            outputs = _bottleneck(
                make,
                outputs,
                make.channels(channels),
                expansion,
                1 if repeat else stride,
                f"blocks_{number}",
            )
            number += 1
    outputs = make.conv(outputs, make.channels(512), 1, "conv2_conv")
    outputs = _activated(make, outputs, "conv2")
    places = outputs.shape[1:3]
    outputs = make.depthwise_conv(outputs, places, "linear7_conv", padded=False)
    outputs = make.batch_norm(outputs, "linear7_bn")
    outputs = make.conv(outputs, embedding_dim, 1, "linear1_conv")
    outputs = make.batch_norm(outputs, "linear1_bn")
    return make.layer(layers.Flatten, outputs, "flatten")


def _activated(make, inputs, name):
    return make.prelu(make.batch_norm(inputs, f"{name}_bn"), f"{name}_prelu")


def _bottleneck(make, inputs, channels, expansion, stride, name):
    # The numbers are places in the port's sequence.
    outputs = make.conv(inputs, expansion * inputs.shape[-1], 1, f"{name}_conv_0")
    outputs = make.batch_norm(outputs, f"{name}_conv_1")
    outputs = make.prelu(outputs, f"{name}_conv_2")
    outputs = make.depthwise_conv(outputs, 3, f"{name}_conv_3", strides=stride)
    outputs = make.batch_norm(outputs, f"{name}_conv_4")
    outputs = make.prelu(outputs, f"{name}_conv_5")
    outputs = make.conv(outputs, channels, 1, f"{name}_conv_6")
    outputs = make.batch_norm(outputs, f"{name}_conv_7")
    if stride == 1 and inputs.shape[-1] == channels:
        outputs = make.layer(layers.Add, [inputs, outputs], f"{name}_add")
    return outputs
