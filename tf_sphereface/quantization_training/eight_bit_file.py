"""The `int8` file of an export, joined to the layers of the network that is trained.

`deployment` converts, equalises and quantises it, as for a bundle. The names of tensors
say which layers they are of.
"""

import dataclasses
import re

import keras
import numpy as np

from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import WITH_KERNELS, quantize
from tf_sphereface.deployment.quantization.equalization import (
    CONVOLUTIONS,
    Equalized,
    equalize,
    observe_channels,
)
from tf_sphereface.embedding_models import pixel_contract_of
from tf_sphereface.errors import InputError
from tf_sphereface.quantization_training.folding import folded_plan
from tf_sphereface.quantization_training.plan import KERNELS, NetworkPlan
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph

VARIANT = "int8"
_SCOPES = re.compile(r"(?:^|[/;])([^/;]+)_\d+(?=/)")


@dataclasses.dataclass(frozen=True)
class EightBitPlan:
    """A network without batch norm, and what of it the file has in 8 bits.

    Args:
        network: Its layers, equalised if that was asked for.
        rounded: Names of the layers whose outputs are 8 bits.
        per_channel: Names of those whose kernels have a scale for each channel.
    """

    network: NetworkPlan
    rounded: frozenset[str]
    per_channel: frozenset[str]


def plan_eight_bits(
    backbone: keras.Model, images: np.ndarray, equalized: bool = True
) -> EightBitPlan:
    """The plan of a network as its `int8` file has it.

    Args:
        backbone: Float32 network.
        images: What it takes, float32 (images, height, width, 3); the ranges of its
            channels are of these.
        equalized: Channels are made alike, as `deployment.quantization.equalization`
            does for an export; the function stays.

    Raises: InputError if a layer is not found in the file, or has no twin.
    """
    plan, model = folded_plan(backbone), _float_model(backbone)
    source = Equalized(model.content, observe_channels(model.content, images))
    if equalized:
        source = equalize(source.content, source.ranges)
        plan = _with_kernels_of(plan, TFLiteGraph(source.content))
    graph = TFLiteGraph(source.content)
    stored = TFLiteGraph(quantize(model, VARIANT, source))
    integers = {
        stored.name(index)
        for index in stored.activations
        if stored.type_name(index) == "INT8"
    }
    # What float operators give and integer ones take has a rounded copy.
    rounded = (
        layer
        for layer, index in layer_outputs(graph, plan).items()
        if integers & {graph.name(index), f"{graph.name(index)}_quantized"}
    )
    makers = {_layer_with_kernel(graph, plan, each) for each in graph.operators}
    return EightBitPlan(plan, frozenset(rounded), frozenset(makers - {None}))


def to_eight_bit_tflite(
    backbone: keras.Model,
    images: np.ndarray,
    ranges: dict[str, tuple[float, float]],
) -> bytes:
    """The `int8` file of a network that was trained with 8 bits, as it is.

    Args:
        backbone: With the trained weights.
        images: As in `plan_eight_bits`; a few, for tensors within a layer.
        ranges: Least and greatest value of the outputs of layers, as they were trained.
    """
    model, plan = _float_model(backbone), folded_plan(backbone)
    observed = observe_channels(model.content, images)
    outputs = layer_outputs(TFLiteGraph(model.content), plan)
    for layer in outputs.keys() & ranges.keys():
        low, high = ranges[layer]
        observed.low[outputs[layer]] = np.array([low])
        observed.high[outputs[layer]] = np.array([high])
    return quantize(model, VARIANT, Equalized(model.content, observed))


def layer_outputs(graph: TFLiteGraph, plan: NetworkPlan) -> dict[str, int]:
    """Index of the tensor that holds the output of each layer.

    A layer into which later ones are fused has none.
    """
    outputs = {}
    for operator in graph.operators:
        if found := _layers_in(graph, plan, operator.output):
            outputs[found[-1].name] = operator.output
    return outputs | {plan.output: graph.outputs[0]}


def _float_model(backbone):
    return FloatModel(fold_batch_norm(backbone), pixel_contract_of(backbone))


def _layers_in(graph, plan, index):
    """Layers that the name of a tensor has, in the order of the network."""
    names = set(_SCOPES.findall(graph.name(index)))
    return [layer for layer in plan.layers if layer.name in names]


def _layer_with_kernel(graph, plan, operator):
    """Name of the layer whose kernel an operator has; None if it has none."""
    if operator.name not in WITH_KERNELS:
        return None
    # The network's output has no layer's name; its kernel has.
    for index in (operator.output, operator.inputs[1]):
        found = [x for x in _layers_in(graph, plan, index) if x.kind in KERNELS]
        if found:
            break
    if len(found) != 1:
        raise InputError(
            "quantization-train cannot tell which layer of the network gives "
            f"{graph.name(operator.output)!r} of its TFLite file"
        )
    return found[0].name


def _with_kernels_of(plan, graph):
    """The plan with the kernels and biases of a file's convolutions."""
    weights = {
        _layer_with_kernel(graph, plan, operator): [
            graph.constant(index) for index in operator.inputs[1:]
        ]
        for operator in graph.operators
        if operator.name in CONVOLUTIONS
    }
    layers = (
        dataclasses.replace(layer, weights=_as_in_keras(layer, *weights[layer.name]))
        if layer.name in weights
        else layer
        for layer in plan.layers
    )
    return dataclasses.replace(plan, layers=tuple(layers))


def _as_in_keras(layer, kernel, bias=None):
    if layer.kind == "Conv2D":  # (out, height, width, in)
        kernel = kernel.transpose(1, 2, 3, 0)
    kernel = kernel.reshape(layer.weights[0].shape)
    return (kernel, bias)[: len(layer.weights)]
