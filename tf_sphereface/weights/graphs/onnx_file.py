"""The network of an ONNX file as a graph; for the sandbox.

Reference: https://onnx.ai/onnx/operators, opsets 7 and later.
"""

import numpy as np
import onnx

from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LARGEST_CROP
from tf_sphereface.weights.graphs.builder import GraphBuilder
from tf_sphereface.weights.graphs.graph import Graph, finished
from tf_sphereface.weights.graphs.onnx_constants import FOLDED, array_of
from tf_sphereface.weights.graphs.onnx_operators import RULES, OnnxCall
from tf_sphereface.weights.graphs.values import FIRST, LAST, Value

_FLOAT, _UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
_INPUT_TYPES = {_FLOAT: "float32", _UINT8: "uint8"}
_QUANTISED = ("Quantize", "Dequantize", "QLinear", "Integer", "QAttention")


def read_graph(content: bytes) -> tuple[Graph, dict]:
    """The graph, and "batch" (1 if it is free), "dtype" and "shape" of its input.

    Raises: InputError, to be read on behind the name of the file.
    """
    model = onnx.load_model_from_string(content)
    _check_whole(model)
    reader = _Reader(model)
    for node in model.graph.node:
        reader.read(node)
    return reader.graph(), reader.about


def _check_whole(model):
    """Refuses what is not in the file, or of a version that is not known yet."""
    if model.ir_version > onnx.IR_VERSION:
        raise InputError(
            f"is of ONNX's format {model.ir_version}, newer than the package onnx "
            f"{onnx.__version__} knows ({onnx.IR_VERSION})"
        )
    known = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version > known:
            raise InputError(
                f"is of opset {opset.version}, newer than the package onnx "
                f"{onnx.__version__} knows ({known})"
            )
    if model.functions or model.graph.sparse_initializer:
        raise InputError("must have no functions and no sparse tensors of its own")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputError(
                f"must hold its weights itself. Received: {tensor.name:.60} in another "
                "file; save it with onnx.save_model(onnx.load(FILE), NEW)"
            )


def _tensors(graph):
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


class _Reader:
    """Values and constants by their names in the file."""

    def __init__(self, model):
        self._build = GraphBuilder()
        self._outputs = [output.name for output in model.graph.output]
        self._found = {
            tensor.name: array_of(tensor) for tensor in model.graph.initializer
        }
        inputs = [each for each in model.graph.input if each.name not in self._found]
        if len(inputs) != 1 or len(self._outputs) != 1:
            raise InputError(
                "must have one input and one output. Received: "
                f"{len(inputs)} and {len(self._outputs)}"
            )
        self._add_input(inputs[0])

    def _add_input(self, taken):
        tensor = taken.type.tensor_type
        sizes = [
            axis.dim_value if axis.HasField("dim_value") else None
            for axis in tensor.shape.dim
        ]
        free = [not size or size < 0 for size in sizes]
        first, last = sizes[1:2] == [3], sizes[3:] == [3]
        if len(sizes) != 4 or any(free[1:]) or not (first or last):
            shown = ", ".join(
                str(n or axis.dim_param or "?")
                for n, axis in zip(sizes, tensor.shape.dim, strict=True)
            )
            raise InputError(
                "must take images of 3 channels and of one height and width. "
                f"Received: an input of ({shown:.80})"
            )
        if tensor.elem_type not in _INPUT_TYPES:
            raise InputError("must take float32 or uint8")
        rows, columns = sizes[2:] if first else sizes[1:3]
        if max(rows, columns) > LARGEST_CROP:
            raise InputError(f"must take at most {LARGEST_CROP} pixels a side")
        self._batch = 1 if free[0] else sizes[0]
        order = FIRST if first else LAST
        self._found[taken.name] = self._build.input((rows, columns, 3), order)
        self.about = {
            "batch": self._batch,
            "dtype": _INPUT_TYPES[tensor.elem_type],
            "shape": [self._batch, *sizes[1:]],
        }

    def graph(self):
        output = self._found.get(self._outputs[0])
        if not isinstance(output, Value):
            raise InputError("must give an embedding of its input")
        return finished(self._build.node_of(output, self._outputs[0]))

    def read(self, node):
        operator, name = node.op_type, node.name or node.output[0]
        if node.domain not in ("", "ai.onnx") or any(
            part in operator for part in _QUANTISED
        ):
            self._refuse(operator, name)
        inputs = [self._input(each, name) for each in node.input]
        options = {
            each.name: onnx.helper.get_attribute_value(each) for each in node.attribute
        }
        values = [each for each in inputs if isinstance(each, Value)]
        name = f"{operator} {name}"
        if operator == "Shape":
            found = np.array([self._batch, *values[0].stored])
            found = found[options.get("start", 0) : options.get("end")]
        elif not values:
            found = self._constant(operator, inputs, options, name)
        else:
            rule = RULES.get(operator)
            if rule is None:
                self._refuse(operator, name)
            found = rule(OnnxCall(self._build, inputs, name, options, self._batch))
        self._found[node.output[0]] = found

    def _input(self, tensor, name):
        if tensor and tensor not in self._found:
            raise InputError(f"has an operator in front of what it takes: {name}")
        return self._found.get(tensor)

    def _constant(self, operator, inputs, options, name):
        if operator not in FOLDED:
            self._refuse(operator, name)
        try:
            return np.asarray(FOLDED[operator](inputs, options))
        except InputError:
            raise
        except Exception as error:  # NumPy has classes of its own for each reason
            raise InputError(
                f"has a constant that cannot be computed: {name}"
            ) from error

    def _refuse(self, operator, name):
        if any(part in operator for part in _QUANTISED):
            raise InputError(
                f"is quantised already ({operator}): import the float network"
            )
        raise InputError(
            f"has the operator {operator:.60} ({name:.60}), which no backbone here has"
        )
