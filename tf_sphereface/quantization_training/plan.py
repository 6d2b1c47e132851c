"""A network as a list of its layers: what is between Keras 3 and its twin."""

import dataclasses

import keras
import numpy as np

from tf_sphereface.errors import InputError

# What of a layer's config says what it computes. Initializers and the like do not.
ARGUMENTS = {
    "Activation": ("activation",),
    "Add": (),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv2D": (
        *("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups"),
        *("activation", "use_bias"),
    ),
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": (
        *("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate"),
        *("activation", "use_bias"),
    ),
    "Dropout": ("rate",),
    "Flatten": (),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling1D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "L2Pooling2D": (),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Multiply": (),
    "PReLU": ("shared_axes",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "ZeroPadding2D": ("padding",),
}
# The name of the kernel, which is what the schemes change, by kind of layer.
KERNELS = {
    "Conv2D": "kernel",
    "Dense": "kernel",
    "DepthwiseConv2D": "depthwise_kernel",
}


@dataclasses.dataclass(frozen=True)
class LayerPlan:
    """One layer of a network without branches in time: called once.

    Args:
        name: Of the layer.
        kind: Name of its class; a key of `ARGUMENTS`.
        arguments: Of its class.
        inputs: Names of the layers whose outputs it takes, in order.
        weights: Arrays in the order of Keras' `get_weights`.
    """

    name: str
    kind: str
    arguments: dict
    inputs: tuple[str, ...]
    weights: tuple[np.ndarray, ...]


@dataclasses.dataclass(frozen=True)
class NetworkPlan:
    """A network from one image input to one output.

    Args:
        input_name: Name of the input layer.
        input_shape: (height, columns, channels).
        layers: In an order in which they can be computed.
        output: Name of the last layer.
    """

    input_name: str
    input_shape: tuple[int, int, int]
    layers: tuple[LayerPlan, ...]
    output: str


def read_plan(backbone: keras.Model) -> NetworkPlan:
    """The plan of a functional network.

    Raises: InputError if a layer is of a kind that has no twin, or is used twice.
    """
    input_tensor = backbone.inputs[0]
    (first,) = [
        layer for layer in backbone.layers if isinstance(layer, keras.layers.InputLayer)
    ]
    origins = {id(input_tensor): first.name}
    layers = []
    for layer in backbone.layers:
        if layer is first:
            continue
        _check_kind(layer, backbone)
        tensors = layer.input
        tensors = tensors if isinstance(tensors, list | tuple) else [tensors]
        try:
            inputs = tuple(origins[id(tensor)] for tensor in tensors)
        except KeyError as error:
            raise InputError(
                f"layer {layer.name} of {backbone.name} takes what no layer gives, or "
                "one that is used twice"
            ) from error
        origins[id(layer.output)] = layer.name
        layers.append(_plan_of(layer, inputs))
    return NetworkPlan(
        input_name=first.name,
        input_shape=tuple(backbone.input_shape[1:]),
        layers=tuple(layers),
        output=origins[id(backbone.outputs[0])],
    )


def _plan_of(layer, inputs):
    kind, config = type(layer).__name__, layer.get_config()
    return LayerPlan(
        name=layer.name,
        kind=kind,
        arguments={name: config[name] for name in ARGUMENTS[kind]},
        inputs=inputs,
        weights=tuple(layer.get_weights()),
    )


def _check_kind(layer, backbone):
    kind, config = type(layer).__name__, layer.get_config()
    if kind not in ARGUMENTS:
        raise InputError(
            f"quantization-train knows no twin of layer {layer.name} ({kind}) of "
            f"{backbone.name}; it knows {', '.join(ARGUMENTS)}"
        )
    if config.get("data_format", "channels_last") != "channels_last":
        raise InputError(f"layer {layer.name} of {backbone.name} is channels_first")
    if not isinstance(config.get("activation", ""), str):
        raise InputError(
            f"the activation of layer {layer.name} of {backbone.name} has no twin"
        )
