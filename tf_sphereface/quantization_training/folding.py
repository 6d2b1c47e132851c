"""Batch norm inside the layer before it, as a converter puts it there.

An 8-bit file holds the product of kernel and batch norm. A training that rounds the
kernel alone would not see what is stored.
"""

import dataclasses

import numpy as np

from tf_sphereface.deployment.conversion.batch_norm_weights import (
    factor_and_shift,
    folded_weights,
)
from tf_sphereface.errors import InputError
from tf_sphereface.quantization_training.plan import KERNELS, LayerPlan, NetworkPlan


def fold_batch_norm(plan: NetworkPlan) -> NetworkPlan:
    """The same function without batch norm, with its statistics as they are.

    Batch norm after a convolution or a dense layer that nothing else reads is
    multiplied into it. What is left becomes a depthwise 1 x 1 convolution with a bias
    under the name of the batch norm.

    Raises: InputError if a batch norm is not over the last axis, or one that is left is
        not of images, or without beta or gamma.
    """
    readers = {plan.output: 1}
    for layer in plan.layers:
        for name in layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    done, renamed = {}, {}
    for layer in plan.layers:
        inputs = tuple(renamed.get(name, name) for name in layer.inputs)
        layer = dataclasses.replace(layer, inputs=inputs)
        if layer.kind != "BatchNormalization":
            done[layer.name] = layer
            continue
        before = done.get(inputs[0])
        if _takes_batch_norm(before) and readers[layer.inputs[0]] == 1:
            done[before.name] = _folded(before, layer)
            renamed[layer.name] = before.name
        else:
            done[layer.name] = _as_convolution(layer)
    return dataclasses.replace(
        plan,
        layers=tuple(done.values()),
        output=renamed.get(plan.output, plan.output),
    )


def unfolded_weights(
    plan: NetworkPlan, folded: dict[str, list[np.ndarray]]
) -> dict[str, list[np.ndarray]]:
    """Weights of the network with batch norm that compute what a folded one does.

    Batch norm behind a convolution keeps the bias alone: its factor is 1.

    Args:
        plan: The network with batch norm.
        folded: Weights by layer of what `fold_batch_norm` made of it.

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


def _takes_batch_norm(layer):
    return (
        layer is not None
        and layer.kind in KERNELS
        and layer.arguments["activation"] == "linear"
    )


def _factor_and_shift(layer: LayerPlan):
    """Batch norm as factor * x + shift, float64 (channels,)."""
    left = list(layer.weights)
    gamma = left.pop(0) if layer.arguments["scale"] else None
    beta = left.pop(0) if layer.arguments["center"] else None
    return factor_and_shift(*left, layer.arguments["epsilon"], gamma, beta)


def _folded(before, batch_norm):
    bias = before.weights[1] if before.arguments["use_bias"] else None
    depthwise = before.kind == "DepthwiseConv2D"
    affine = _factor_and_shift(batch_norm)
    return dataclasses.replace(
        before,
        arguments={**before.arguments, "use_bias": True},
        weights=tuple(folded_weights(before.weights[0], bias, *affine, depthwise)),
    )


def _as_convolution(layer):
    arguments = layer.arguments
    axis = arguments["axis"]
    axis = axis if isinstance(axis, int) else axis[0]
    if not (arguments["scale"] and arguments["center"] and axis in (-1, 3)):
        raise InputError(
            f"batch norm {layer.name} follows no convolution and cannot become one: it "
            "must be over channels, with beta and gamma"
        )
    factor, shift = _factor_and_shift(layer)
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
