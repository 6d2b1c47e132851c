"""Quantised variants of a network, made by ai-edge-quantizer from the float file."""

import collections
import contextlib
import io
import re
import warnings

import numpy as np
from ai_edge_quantizer import quantizer, recipe_manager
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName

from tf_sphereface.bundle.variants import VARIANTS
from tf_sphereface.deployment.conversion.foreign_file import FloatFile
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.analysis import layers_of
from tf_sphereface.deployment.quantization.equalization import CONVOLUTIONS, Equalized
from tf_sphereface.deployment.quantization.operator_versions import with_true_versions
from tf_sphereface.errors import InputError
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph

_ALL, _EVERYWHERE = TFLOperationName.ALL_SUPPORTED, ".*"
# Of a range that was seen as one number a crop: other crops go up to 5 times beyond it.
_ONE_PIXEL_MARGIN = 2.0
_ENDS = (TFLOperationName.INPUT, TFLOperationName.OUTPUT)


def _int8_with_float_ends(recipe, graph):
    recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8)
    _leave_costly_float(recipe, graph)
    for end in _ENDS:
        _leave_float(recipe, end)


def _dynamic(recipe, graph):
    recipe.add_dynamic_config(_EVERYWHERE, _ALL, 8)
    # With 8-bit activations they would run outside the CPU delegate, each a border
    # between two partitions; their arithmetic is little.
    recipe.add_weight_only_config(_EVERYWHERE, TFLOperationName.DEPTHWISE_CONV_2D, 8)


def _int4(recipe, graph):
    # Convolutions of 4 bits run outside the CPU delegate, some ten times slower, and
    # blocks are for dense layers only: without them 4 bits lose much more.
    _dynamic(recipe, graph)
    recipe.add_dynamic_config(
        _EVERYWHERE, TFLOperationName.FULLY_CONNECTED, 4, QuantGranularity.BLOCKWISE_32
    )


WITH_KERNELS = (*CONVOLUTIONS, "FULLY_CONNECTED")
NAME = "ai-edge-quantizer"
# The operations that each variant quantises; each function fills a recipe for a graph.
RECIPES = {
    "fp16": lambda recipe, graph: recipe.add_weight_only_config(
        _EVERYWHERE, _ALL, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
    ),
    "dynamic": _dynamic,
    "int8": _int8_with_float_ends,
    "int8-io": lambda recipe, graph: recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8),
    "int4": _int4,
}


# Of those that need crops: variants whose depthwise convolutions compute in 8 bits.
ROUND_DEPTHWISE = frozenset({"int8-io"})


def quantize(
    model: FloatModel | FloatFile,
    variant: str,
    equalized: Equalized | None = None,
    keep_float: tuple[str, ...] = (),
) -> bytes:
    """Content of the TFLite file of a variant.

    The range of the input is not that of the crops: it is the contract's own, so that a
    darker or brighter photo than those is not clipped.

    Args:
        model: The float model.
        variant: A key of `RECIPES`.
        equalized: Its file of equalised channels, for the variants that need crops.
        keep_float: Names of layers that are not quantised.

    Raises: InputError if there is no such layer.
    """
    content = equalized.content if VARIANTS[variant].needs_crops else model.content
    graph, manager = TFLiteGraph(content), recipe_manager.RecipeManager()
    RECIPES[variant](manager, graph)
    for scope in _scopes_of(graph, content, keep_float):
        _leave_float(manager, _ALL, scope)
    ranges = None
    if VARIANTS[variant].needs_crops:
        ranges = _tensor_ranges(graph, equalized.ranges, model)
    engine = quantizer.Quantizer(content, manager.get_quantization_recipe())
    with _quietly():
        result = engine.quantize(ranges, enable_progress_report=False)
    return with_true_versions(bytes(result.quantized_model))


def _leave_costly_float(recipe, graph):
    """Leaves float what 8 bits would cost most, at no time.

    A depthwise convolution between two PReLUs, which are float, would only add borders
    between 8 bits and float. And where a map is one pixel, a channel's range was seen
    as one number a crop: other crops go beyond it.
    """
    makers = {operator.output: operator for operator in graph.operators}
    takers = collections.defaultdict(list)
    for operator in graph.operators:
        for index in operator.inputs:
            takers[index].append(operator)
    for operator in graph.operators:
        scope = _scope_of(graph, operator)
        if operator.name == "DEPTHWISE_CONV_2D":
            before, padding = makers.get(operator.inputs[0]), None
            if before and before.name == "PAD":
                before, padding = makers.get(before.inputs[0]), before
            beside = [before, *takers[operator.output]]
            between = all(each and each.name == "PRELU" for each in beside)
            if between or _is_one_pixel(graph, operator.output):
                recipe.add_weight_only_config(
                    scope, TFLOperationName.DEPTHWISE_CONV_2D, 8
                )
                if padding and before.name == "PRELU":
                    around = _scope_of(graph, padding)
                    _leave_float(recipe, TFLOperationName.PAD, around)
        elif operator.name == "CONV_2D" and _is_one_pixel(graph, operator.inputs[0]):
            recipe.add_dynamic_config(scope, TFLOperationName.CONV_2D, 8)
            for taker in takers[operator.output]:
                if taker.name == "RESHAPE":  # it would round what is float now
                    after = _scope_of(graph, taker)
                    _leave_float(recipe, TFLOperationName.RESHAPE, after)


def _scope_of(graph, operator):
    """The pattern of one operator alone."""
    return f"^{re.escape(graph.name(operator.output))};"


def _is_one_pixel(graph, index):
    shape = graph.shape(index)
    return len(shape) == 4 and shape[1:3] == (1, 1)


def _tensor_ranges(graph, observed, model):
    """Least and greatest value of each tensor, by name, for the quantiser."""
    ends = None
    if "pixels" not in model.feature.inside:
        ends = input_ends(model.pixel_contract)
    # A tensor and its reshaped self have one scale: what ends as the output is not
    # widened on the way.
    given = set(graph.outputs)
    for operator in reversed(graph.operators):
        if operator.name == "RESHAPE" and operator.output in given:
            given.add(operator.inputs[0])
    ranges = {}
    for index in observed.low:
        low, high = observed.low[index].min(), observed.high[index].max()
        if index in graph.inputs and ends:
            low, high = ends
        elif _is_one_pixel(graph, index) and index not in given:
            low, high = _ONE_PIXEL_MARGIN * low, _ONE_PIXEL_MARGIN * high
        shape = (1,) * len(graph.shape(index))
        ranges[graph.name(index)] = {
            "min": np.full(shape, low, np.float32),
            "max": np.full(shape, high, np.float32),
        }
    return ranges


def _scopes_of(graph, content, names):
    """Patterns of layers; without Keras' names a layer is what gives a tensor."""
    layers = layers_of(content)
    scopes = {layer: rf"(^|[/;]){re.escape(layer)}_\d+/" for layer in layers}
    if not layers:
        scopes = {
            graph.name(operator.output): _scope_of(graph, operator)
            for operator in graph.operators
            if operator.name in WITH_KERNELS
        }
    for name in names:
        if name not in scopes:
            raise InputError(
                f"no layer {name!r} to keep float; the network has: "
                + ", ".join(sorted(scopes))
            )
        yield scopes[name]


def _leave_float(recipe, operation, scope=_EVERYWHERE):
    """Excludes an operation from a recipe where a scope's pattern matches."""
    recipe.add_quantization_config(
        scope, operation, algorithm_key=AlgorithmName.NO_QUANTIZE
    )


def input_ends(contract):
    """Range of a normalised input, one 256th wider than the pixels.

    With the exact range each pixel value would lie halfway between two integers, and
    languages round halves differently.
    """
    return contract.ends(-0.5, 255.5)


@contextlib.contextmanager
def _quietly():
    # All tensors are kept on purpose, of which the interpreter warns.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
