"""The number of multiply-accumulates of a network."""

import math

import keras
from keras import layers

_COUNTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)


def multiply_accumulates(model):
    """Multiply-accumulates of a network for one image, as papers count them.

    Convolutions and dense layers are counted: each output place costs one product for
    each weight of the kernel. Biases, pooling, activations and batch norm, which is
    folded into the convolutions for inference, are not.

    Args:
        model: Built Keras model of layers with known output sizes.

    Returns: Integer.
    Raises: ValueError if a layer has a kernel and is none of these.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_accumulates(layer)
        elif isinstance(layer, _COUNTED):
            places = math.prod(layer.output.shape[1:-1])
            total += places * math.prod(layer.kernel.shape)
        elif hasattr(layer, "kernel"):
            raise ValueError(
                "`model` must have convolutions and dense layers only. "
                f"Received: layer {layer.name!r} of {type(layer).__name__}"
            )
    return total
