"""Weights of a backbone: their name, shape and axes in PyTorch and Caffe.

Layers of the backbones are named by the module path of the network that they follow,
with "_" for ".": one rule serves all. Caffe's blobs have the same axes as PyTorch's
tensors, and the readers give them the same names.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

# Our name of a layer's weight and PyTorch's, which no layer has twice.
ROLES = {
    "kernel": "weight",
    "bias": "bias",
    "alpha": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Module names that have a "_" of their own.
_WORDS = (
    "dw_conv1",
    *(f"conv2d_{part}" for part in ("1a", "2a", "2b", "3b", "4a", "4b")),
    *("repeat_1", "repeat_2", "repeat_3", "mixed_6a", "mixed_7a"),
    *("last_linear", "last_bn"),
)
_KINDS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.Dense,
    layers.BatchNormalization,
    layers.PReLU,
)
# Layers that leave the order of a flattened map as it is.
_ORDER_KEEPING = (layers.Dropout, layers.Activation)


@dataclasses.dataclass(frozen=True)
class Target:
    """A weight of a backbone.

    Args:
        layer: Name of its layer.
        weight: Its name in the layer, such as "kernel".
        shape: In PyTorch's order of axes.
        to_keras: Array in PyTorch's order to ours.
        to_torch: The inverse.
    """

    layer: str
    weight: str
    variable: keras.Variable
    shape: tuple[int, ...]
    to_keras: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]

    @property
    def key(self) -> tuple[str, str]:
        """Layer and PyTorch's name of the weight."""
        return self.layer, ROLES[self.weight]

    @property
    def label(self) -> str:
        return f"{self.layer}/{self.weight}"


def targets_of(backbone: keras.Model) -> list[Target]:
    """All weights of a backbone, in the order of its layers.

    Raises: ValueError if a layer is of a kind for which there is no rule.
    """
    return [
        Target(layer.name, name, variable, *_axes(layer, name, variable))
        for layer in backbone.layers
        for name, variable in _weights(layer)
    ]


def port_name(backbone: keras.Model, target: Target) -> str:
    """The name in the network that the backbone follows: "blocks.0.conv.0.weight"."""
    path = target.layer
    if type(backbone).__name__ != "SphereFaceCNN":  # the release's names have a "_"
        for word in _WORDS:
            path = path.replace(word, word.replace("_", " "))
        path = path.replace("_", ".").replace(" ", "_")
    return f"{path}.{target.key[1]}"


def _weights(layer):
    found = [
        (name, getattr(layer, name, None))
        for name in ROLES
        if isinstance(getattr(layer, name, None), keras.Variable)
    ]
    if (
        layer.weights
        and not isinstance(layer, _KINDS)
        or (len(found) != len(layer.weights))
    ):
        raise ValueError(
            "`backbone` must have convolutions, dense layers, batch norm and PReLU "
            f"only. Received: layer {layer.name} of {type(layer).__name__}"
        )
    return found


def _axes(layer, name, variable):
    shape = tuple(variable.shape)
    if name == "kernel" and isinstance(layer, layers.DepthwiseConv2D):
        return _depthwise_axes(shape)
    if name == "kernel" and isinstance(layer, layers.Conv2D):
        return (
            (shape[3], shape[2], *shape[:2]),
            lambda values: values.transpose(2, 3, 1, 0),
            lambda values: values.transpose(3, 2, 0, 1),
        )
    if name == "kernel" and isinstance(layer, layers.Dense):
        return _dense_axes(shape, _map_before_flatten(layer))
    if name == "alpha":
        return (
            (int(np.prod(shape)),),
            lambda values: values.reshape(shape),
            lambda values: values.reshape(-1),
        )
    return shape, lambda values: values, lambda values: values


def _depthwise_axes(shape):
    height, width, channels, multiplier = shape

    def to_keras(values):
        values = values.reshape(channels, multiplier, height, width)
        return values.transpose(2, 3, 0, 1)

    def to_torch(values):
        values = values.transpose(2, 3, 0, 1)
        return values.reshape(channels * multiplier, 1, height, width)

    return (channels * multiplier, 1, height, width), to_keras, to_torch


def _dense_axes(shape, feature_map):
    """Rows of the kernel are in the order H, W, C here and C, H, W there."""
    height, width, channels = feature_map or (1, 1, shape[0])
    units = shape[1]

    def to_keras(values):
        values = values.reshape(units, channels, height, width)
        return values.transpose(2, 3, 1, 0).reshape(shape)

    def to_torch(values):
        values = values.reshape(height, width, channels, units)
        return values.transpose(3, 2, 0, 1).reshape(units, shape[0])

    return (units, shape[0]), to_keras, to_torch


def _map_before_flatten(layer):
    while True:
        layer = layer.input._keras_history.operation
        if isinstance(layer, layers.Flatten):
            shape = tuple(layer.input.shape[1:])
            return shape if len(shape) == 3 else None
        if not isinstance(layer, _ORDER_KEEPING):
            return None
