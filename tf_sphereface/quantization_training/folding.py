"""Batch norm inside the layer before it, as a converter puts it there.

An 8-bit file holds the product of kernel and batch norm. A training that rounds the
kernel alone would not see what is stored.
"""

import dataclasses

import keras
import numpy as np

from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.batch_norm_weights import factor_and_shift
from tf_sphereface.errors import InputError
from tf_sphereface.quantization_training.plan import NetworkPlan, read_plan


def folded_plan(backbone: keras.Model) -> NetworkPlan:
    """The plan of the same function without batch norm, its statistics as they are.

    Batch norm is multiplied into the layer before it, as for an export. What is left
    becomes a depthwise 1 x 1 convolution with a bias under the name of the batch norm.

    Raises: InputError if a batch norm that is left is not over the last axis, not of
        images, or without beta or gamma.
    """
    plan = read_plan(fold_batch_norm(backbone))
    layers = tuple(
        _as_convolution(layer) if layer.kind == "BatchNormalization" else layer
        for layer in plan.layers
    )
    return dataclasses.replace(plan, layers=layers)


def unfolded_weights(
    plan: NetworkPlan, folded: dict[str, list[np.ndarray]]
) -> dict[str, list[np.ndarray]]:
    """Weights of the network with batch norm that compute what a folded one does.

    Batch norm behind a convolution keeps the bias alone: its factor is 1.

    Args:
        plan: The network with batch norm.
        folded: Weights by layer of its `folded_plan`.

    Returns: Weights by layer of `plan`, in the order of Keras' `get_weights`.
    """
    weights, biases = {}, {}
    outputs = {layer.name: layer for layer in plan.layers}
    for layer in plan.layers:
        if layer.kind != "BatchNormalization":
            weights[layer.name] = list(folded.get(layer.name, ()))
        elif layer.name in folded:
            weights[layer.name] = _standing_batch_norm(layer, *folded[layer.name])
        else:
            before = outputs[layer.inputs[0]]
            kernel, bias = folded[before.name]
            weights[before.name] = [kernel]
            if before.arguments["use_bias"]:
                weights[before.name].append(np.zeros_like(bias))
            biases[layer.name] = bias
    for name, bias in biases.items():
        weights[name] = _identity_plus(outputs[name], bias)
    return weights


def _as_convolution(layer):
    arguments = layer.arguments
    axis = arguments["axis"]
    axis = axis if isinstance(axis, int) else axis[0]
    if not (arguments["scale"] and arguments["center"] and axis in (-1, 3)):
        raise InputError(
            f"batch norm {layer.name} follows no convolution and cannot become one: it "
            "must be over channels, with beta and gamma"
        )
    gamma, beta, *statistics = layer.weights
    factor, shift = factor_and_shift(*statistics, arguments["epsilon"], gamma, beta)
    return dataclasses.replace(
        layer,
        kind="DepthwiseConv2D",
        arguments={
            "kernel_size": 1,
            "strides": 1,
            "padding": "valid",
            "depth_multiplier": 1,
            "dilation_rate": 1,
            "activation": "linear",
            "use_bias": True,
        },
        weights=(
            factor.reshape(1, 1, -1, 1).astype(np.float32),
            shift.astype(np.float32),
        ),
    )


def _identity_plus(layer, bias):
    """Weights of a batch norm that adds a bias; gamma stays 1 where it is fixed."""
    ones, epsilon = np.ones_like(bias), layer.arguments["epsilon"]
    weights = [ones] if layer.arguments["scale"] else []
    weights += [0 * ones] if layer.arguments["center"] else []
    return [*weights, -bias, ones - np.float32(epsilon)]


def _standing_batch_norm(layer, kernel, bias):
    ones, epsilon = np.ones_like(bias), layer.arguments["epsilon"]
    return [kernel.reshape(-1), bias, 0 * ones, ones - np.float32(epsilon)]
