"""The network of a TFLite file as a graph; for the sandbox."""

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LARGEST_CROP
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph
from tf_sphereface.weights.graphs import calls
from tf_sphereface.weights.graphs.builder import GraphBuilder
from tf_sphereface.weights.graphs.calls import Call
from tf_sphereface.weights.graphs.graph import Graph, finished
from tf_sphereface.weights.graphs.values import LAST, NOWHERE, Value

_SCHEMA = 3
# What only computes the shape that a RESHAPE takes; that of its result is stored.
_OF_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")


def read_graph(content: bytes) -> tuple[Graph, dict]:
    """The graph, and "batch" (1 if it is free), "dtype" and "shape" of its input.

    Raises: InputError, to be read on behind the name of the file.
    """
    try:
        file = TFLiteGraph(content)
    except KeyError as error:
        raise InputError(
            f"has the operator number {error}, which TFLite's schema here does not know"
        ) from error
    if file.model.version != _SCHEMA:
        raise InputError(
            f"is of TFLite's schema {file.model.version}; known is {_SCHEMA}"
        )
    if len(file.model.subgraphs) != 1:
        raise InputError("must have one graph, without branches or loops")
    reader = _Reader(file)
    for operator in file.operators:
        reader.read(operator)
    return reader.graph(), reader.about


class _Reader:
    """Values by the indices of their tensors."""

    def __init__(self, file: TFLiteGraph):
        self._file, self._build, self._found = file, GraphBuilder(), {}
        if len(file.inputs) != 1 or len(file.outputs) != 1:
            raise InputError(
                "must have one input and one output. Received: "
                f"{len(file.inputs)} and {len(file.outputs)}"
            )
        self._add_input(file.inputs[0])

    def _add_input(self, index):
        signature = self._file.signature_shape(index)
        if len(signature) != 4 or min(signature[1:]) < 1 or signature[3] != 3:
            shown = ", ".join(map(str, signature))
            raise InputError(
                "must take images of one height, one width and 3 channels. Received: "
                f"an input of ({shown:.80})"
            )
        if max(signature[1:]) > LARGEST_CROP:
            raise InputError(f"must take at most {LARGEST_CROP} pixels a side")
        dtype = self._file.type_name(index)
        if dtype not in ("FLOAT32", "UINT8") or self._file.is_quantised(index):
            raise InputError(f"must take float32 or plain uint8. Received: {dtype}")
        self._batch = max(signature[0], 1)
        self._found[index] = self._build.input(tuple(signature[1:]), LAST)
        self.about = {
            "batch": self._batch,
            "dtype": dtype.lower(),
            "shape": [self._batch, *signature[1:]],
        }

    def graph(self):
        output = self._found.get(self._file.outputs[0])
        if not isinstance(output, Value):
            raise InputError("must give an embedding of its input")
        return finished(self._build.node_of(output, "output"))

    def read(self, operator):
        name = f"{operator.name} {operator.position}"
        if operator.name in _OF_SHAPES:
            return
        self._refuse_quantised(operator)
        inputs = [self._input(index) for index in operator.inputs]
        if operator.name == "DEQUANTIZE":  # of float16, as the reader gives it
            self._found[operator.output] = inputs[0]
            return
        rule = _RULES.get(operator.name)
        if rule is None or not any(isinstance(each, Value) for each in inputs):
            raise InputError(
                f"has the operator {operator.name} ({operator.position}), which no "
                "backbone here has"
            )
        call = _TFLiteCall(self._build, inputs, name, operator, self._file)
        found = rule(call)
        if operator.activation == "RELU":
            found = self._build.relu(found, name)
        elif operator.activation != "NONE":
            raise InputError(
                f"has the activation {operator.activation} ({name}), which no backbone "
                "here has"
            )
        self._found[operator.output] = found

    def _input(self, index):
        found = self._found.get(index)
        return self._file.constant(index) if found is None else found

    def _refuse_quantised(self, operator):
        for index in (*operator.inputs, *operator.outputs):
            if index >= 0 and self._file.is_quantised(index):
                raise InputError(
                    f"is quantised already ({operator.name} {operator.position}, "
                    f"{self._file.type_name(index)}): import the float network"
                )


class _TFLiteCall(Call):
    """One operator: its options too, and the shape that it gives."""

    def __init__(self, build, inputs, name, operator, file):
        super().__init__(build, inputs, name)
        self.options, self._output, self._file = operator.options, operator.output, file

    def output_shape(self):
        """Of the result, without the batch."""
        return self._file.shape(self._output)[1:]

    def window(self):
        options = self.options
        if max(getattr(options, f"dilation{a}Factor", 1) for a in "WH") != 1:
            raise InputError(f"must have no dilations: {self.name}")
        padding = "SAME" if options.padding == 0 else NOWHERE
        return (options.strideH, options.strideW), padding

    def axes(self, place):
        """Stored axes without the batch."""
        rank = len(self.value.order) + 1
        found = [int(axis) % rank for axis in np.reshape(self.needed(place), -1)]
        if 0 in found:
            raise InputError(f"must leave the batch as it is. Received: {self.name}")
        return [axis - 1 for axis in found]


def _conv(call):
    kernel = call.needed(1).transpose(1, 2, 3, 0)
    return call.build.convolve(
        call.value, kernel, call.constant(2), *call.window(), call.name
    )


def _depthwise(call):
    kernel, channels = call.needed(1), call.value.node.shape[2]
    kernel = kernel.reshape(*kernel.shape[1:3], channels, -1)
    return call.build.convolve(
        call.value,
        kernel,
        call.constant(2),
        *call.window(),
        call.name,
        depthwise=True,
    )


def _dense(call):
    if (
        call.options.weightsFormat
        or call.options.keepNumDims
        and (len(call.value.order) > 1)
    ):
        raise InputError(f"must be a dense layer. Received: {call.name}")
    flat = call.value.reshaped([-1], call.name)
    return call.build.dense(flat, call.needed(1).T, call.constant(2), call.name)


def _prelu(call):
    alpha = call.value.channels(call.needed(1), call.name)
    return call.build.leaky(call.value, alpha, call.name)


def _pad(call):
    amounts = call.needed(1).tolist()
    if len(amounts) != len(call.value.order) + 1 or any(amounts[0]):
        raise InputError(f"must pad rows and columns only. Received: {call.name}")
    return call.value.padded(amounts[1:], call.name)


def _transpose(call):
    order = np.reshape(call.needed(1), -1).tolist()
    if order[:1] != [0]:
        raise InputError(f"must leave the batch in its place. Received: {call.name}")
    return call.value.transposed([n - 1 for n in order[1:]], call.name)


def _reshape(call):
    return call.value.reshaped(call.output_shape(), call.name)


def _max_pool(call):
    size = (call.options.filterHeight, call.options.filterWidth)
    return call.build.max_pool(call.value, size, *call.window(), call.name)


def _average_pool(call):
    size = (call.options.filterHeight, call.options.filterWidth)
    _, padding = call.window()
    if padding == "SAME" or size != call.value.node.shape[:2]:
        raise InputError(f"must be a mean over all places. Received: {call.name}")
    return call.build.mean(call.value, call.name)


def _mean(call):
    if set(call.axes(1)) != {0, 1} or call.value.order != LAST:
        raise InputError(f"must be a mean over all places. Received: {call.name}")
    return call.build.mean(call.value, call.name, bool(call.options.keepDims))


def _sum(call):
    if any(2 not in call.value.order[axis] for axis in call.axes(1)):
        raise InputError(f"must be a norm of embeddings. Received: {call.name}")
    return call.build.step(call.value, "square", "sum", call.name)


def _concat(call):
    if not all(isinstance(each, Value) for each in call.inputs):
        raise InputError(f"must join maps. Received: {call.name}")
    rank = len(call.value.order) + 1
    return call.build.concatenate(call.inputs, call.options.axis % rank - 1, call.name)


_RULES = {
    "ABS": lambda call: call.build.absolute(call.value, call.name),
    "ADD": calls.add,
    "AVERAGE_POOL_2D": _average_pool,
    "CAST": calls.same,
    "CONCATENATION": _concat,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DIV": calls.divide,
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _dense,
    "L2_NORMALIZATION": lambda call: call.build.step(
        call.value, None, "unit", call.name
    ),
    "LEAKY_RELU": lambda call: call.build.leaky(
        call.value, np.array([call.options.alpha]), call.name
    ),
    "MAXIMUM": calls.maximum,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "MINIMUM": calls.minimum,
    "MUL": calls.multiply,
    "NEG": calls.negative,
    "PAD": _pad,
    "PRELU": _prelu,
    "RELU": lambda call: call.build.relu(call.value, call.name),
    "RESHAPE": _reshape,
    "RSQRT": lambda call: call.build.step(call.value, "sum", "inverse", call.name),
    "SQRT": lambda call: call.build.step(call.value, "sum", "norm", call.name),
    "SQUARE": lambda call: call.build.product(call.value, call.value, call.name),
    "SQUEEZE": _reshape,
    "SUB": calls.subtract,
    "SUM": _sum,
    "TRANSPOSE": _transpose,
}
