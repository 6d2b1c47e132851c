"""Channels of like range, so that one scale for all channels of a tensor fits each.

Between two convolutions a channel may be multiplied by a positive factor and divided
again: `max`, padding and PReLU let it through. So the ranges of the channels are made
alike before 8-bit activations are made, and the function stays what it was. After
"Data-Free Quantization Through Weight Equalization and Bias Correction" (Nagel et al.,
ICCV 2019), with ranges that are observed on crops and for PReLU networks.
"""

import collections
import dataclasses
from collections.abc import Callable

import numpy as np

from tf_sphereface.runtimes.litert import allocate, open_interpreter
from tf_sphereface.runtimes.tflite_graph import Operator, TFLiteGraph

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# f(s x) = s f(x) for s > 0, channel by channel, and the number of activations taken.
_HOMOGENEOUS = {
    "PRELU": 1,
    "RELU": 1,
    "LEAKY_RELU": 1,
    "PAD": 1,
    "MAX_POOL_2D": 1,
    "AVERAGE_POOL_2D": 1,
    "ADD": 2,
}
_FUSED = ("NONE", "RELU")  # RELU6 and others are not homogeneous
# Operators that compute in 8 bits; depthwise convolutions do in some variants only.
_ROUNDED = ("CONV_2D", "ADD")
# How much of a channel's factor serves the activations; the rest serves the weights.
_FOR_ACTIVATIONS = 0.9
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True)
class ChannelRanges:
    """Least and greatest value of each channel of the activations of a TFLite file.

    Args:
        low: By index of the tensor; float (channels,).
        high: The same.
    """

    low: dict[int, np.ndarray]
    high: dict[int, np.ndarray]

    def reach(self, index: int) -> np.ndarray:
        """Greatest magnitude of each channel."""
        return np.maximum(-self.low[index], self.high[index])

    def scaled(self, factors: dict[int, np.ndarray]) -> "ChannelRanges":
        """The ranges after tensors were multiplied, by index of the tensor."""
        low, high = (
            {index: side[index] * factors.get(index, 1) for index in side}
            for side in (self.low, self.high)
        )
        return ChannelRanges(low, high)


def observe_channels(
    content: bytes,
    inputs: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> ChannelRanges:
    """Runs inputs through a float TFLite file and watches all activations.

    Args:
        content: Of the file.
        inputs: (samples, height, width, channels), at least one.
        progress: Called with the inputs done and the inputs in all.
    """
    graph = TFLiteGraph(content)
    interpreter = open_interpreter(content, all_tensors=True)
    allocate(interpreter)
    watched = [index for index in graph.activations if graph.is_float(index)]
    low, high = {}, {}
    (taken,) = interpreter.get_input_details()
    for number, face in enumerate(inputs, start=1):
        interpreter.set_tensor(taken["index"], face[None])
        interpreter.invoke()
        for index in watched:
            values = interpreter.get_tensor(index)
            values = values.reshape(-1, values.shape[-1] if values.ndim else 1)
            least, most = values.min(axis=0), values.max(axis=0)
            low[index] = np.minimum(low.get(index, np.inf), least)
            high[index] = np.maximum(high.get(index, -np.inf), most)
        if progress:
            progress(number, len(inputs))
    return ChannelRanges(low, high)


@dataclasses.dataclass(frozen=True)
class Equalized:
    """A float TFLite file whose channels are of like range.

    Args:
        content: Of the file.
        ranges: Of its activations.
    """

    content: bytes
    ranges: ChannelRanges


def equalize(
    content: bytes, ranges: ChannelRanges, depthwise: bool = False
) -> Equalized:
    """Makes the channels of a float TFLite file alike; its function stays.

    Left as they are: tensors that an operator reads or makes which does not let factors
    through, and grouped convolutions.

    Args:
        content: Of the file.
        ranges: Of its activations.
        depthwise: Depthwise convolutions compute in 8 bits too.
    """
    graph = TFLiteGraph(content)
    rounded = (*_ROUNDED, "DEPTHWISE_CONV_2D") if depthwise else _ROUNDED
    factors = {}
    for group in _groups(graph):
        if (scale := _scale(graph, group, ranges, rounded)) is not None:
            factors |= dict.fromkeys(group, scale)
    _multiply_constants(graph, factors)
    return Equalized(graph.content(), ranges.scaled(factors))


def _groups(graph):
    """Sets of activations that must have one factor a channel."""
    roots = {index: index for index in graph.activations}

    def root(index):
        while roots[index] != index:
            index = roots[index]
        return index

    def join(first, *others):
        for other in others:
            roots[root(other)] = root(first)

    fixed = {*graph.inputs, *graph.outputs}
    readers = collections.defaultdict(list)
    for operator in graph.operators:
        taken = [index for index in operator.inputs if index in roots]
        if operator.name in CONVOLUTIONS and _lets_through(graph, operator):
            readers[operator.inputs[1]].append(operator)
        elif operator.name in CONVOLUTIONS:
            fixed |= {*operator.outputs, *taken}
        elif _is_homogeneous(graph, operator, taken):
            join(operator.output, *taken)
        else:
            fixed |= {*operator.outputs, *taken}
    for sharing in readers.values():  # of one kernel
        join(*(operator.inputs[0] for operator in sharing))
        join(*(operator.output for operator in sharing))
    found = collections.defaultdict(set)
    for index in roots:
        found[root(index)].add(index)
    return [group for group in found.values() if not group & fixed]


def _is_homogeneous(graph, operator, taken):
    data = operator.inputs[: _HOMOGENEOUS.get(operator.name, 0)]
    if not data or operator.activation not in _FUSED or set(data) - set(taken):
        return False
    if operator.name == "PAD":  # zeros, but none in place of a channel
        paddings = graph.constant(operator.inputs[1])
        return paddings is not None and not paddings[-1].any()
    if operator.name == "ADD":  # no broadcast of one channel to many
        return len({graph.shape(index)[-1] for index in (*data, operator.output)}) == 1
    return True


def _lets_through(graph, operator):
    """True for a convolution that is not grouped and has a constant kernel."""
    kernel = graph.constant(operator.inputs[1])
    if kernel is None or operator.activation not in _FUSED:
        return False
    has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    if has_bias and graph.constant(operator.inputs[2]) is None:
        return False
    if operator.inputs[0] not in graph.activations:
        return False
    channels = graph.shape(operator.inputs[0])[-1]
    if operator.name == "CONV_2D":
        return kernel.shape[-1] == channels
    return kernel.shape[-1] % channels == 0


def _scale(graph, group, ranges, rounded):
    """Factors of the channels of a group; None where there is nothing to gain.

    `rounded` names the operators whose inputs and outputs are 8 bits.
    """
    makers = [each for each in _convolutions(graph) if each.output in group]
    takers = [each for each in _convolutions(graph) if each.inputs[0] in group]
    touched = [
        index
        for operator in graph.operators
        if operator.name in rounded
        for index in (operator.output, *operator.inputs)
        if index in group
    ]
    if not (makers and takers and touched):
        return None
    reach = np.max([ranges.reach(index) for index in touched], axis=0)
    reach = np.maximum(reach, max(_LEAST * reach.max(), np.finfo(np.float32).tiny))
    if all(each.name == "DEPTHWISE_CONV_2D" for each in takers):
        scale = 1 / reach  # these kernels have a scale for each channel anyway
    else:
        kernels = [
            np.abs(graph.constant(each.inputs[1])).max(axis=(0, 1, 2))
            for each in takers
            if each.name == "CONV_2D"
        ]
        kernel = np.max(kernels, axis=0)
        kernel = np.maximum(kernel, 1e-3 * max(kernel.max(), _LEAST))
        scale = reach**-_FOR_ACTIVATIONS * kernel ** (1 - _FOR_ACTIVATIONS)
    return scale / np.exp(np.log(scale).mean())


def _convolutions(graph):
    return [each for each in graph.operators if each.name in CONVOLUTIONS]


def _multiply_constants(graph, factors):
    """Multiplies what makes a tensor by its factors, divides what reads it."""
    wanted = collections.defaultdict(list)  # by tensor: operator, argument, factor
    uses = collections.Counter(
        index for operator in graph.operators for index in operator.inputs
    )
    for operator in _convolutions(graph):
        for argument, factor in _argument_factors(graph, operator, factors):
            wanted[operator.inputs[argument]].append((operator, argument, factor))
    for index, changes in wanted.items():
        values = graph.constant(index).astype(np.float64)
        first = changes[0][2]
        alike = all(np.array_equal(first, factor) for _, _, factor in changes)
        if alike and len(changes) == uses[index]:
            graph.replace(index, values * first)
            continue
        for operator, argument, factor in changes:  # equal biases are stored once
            graph.replace_for(operator, argument, values * factor)


def _argument_factors(graph, operator: Operator, factors):
    """(argument, factor) of kernel and bias; the kernel's on the sides it has."""
    made = factors.get(operator.output)
    taken = factors.get(operator.inputs[0])
    if made is None and taken is None:
        return
    kernel = graph.constant(operator.inputs[1])
    if operator.name == "CONV_2D":  # (out, height, width, in)
        ins, outs = 1 if taken is None else 1 / taken, 1 if made is None else made
        factor = np.reshape(outs, (-1, 1, 1, 1)) * np.reshape(ins, (1, 1, 1, -1))
    else:  # (1, height, width, in x multiplier), the multiplier counts fastest
        each = kernel.shape[-1] // graph.shape(operator.inputs[0])[-1]
        ins = 1 if taken is None else np.repeat(1 / taken, each)
        factor = np.reshape(ins * (1 if made is None else made), (1, 1, 1, -1))
    yield 1, factor
    if made is not None and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        yield 2, made
