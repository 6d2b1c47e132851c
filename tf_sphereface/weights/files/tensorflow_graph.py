"""The constants of TensorFlow's frozen graphs (GraphDef); the graph is never run.

Reference: graph.proto, node_def.proto and tensor.proto of tensorflow/core/framework.
"""

import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import node_def_pb2, types_pb2

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.wire_format import read_fields
from tf_sphereface.weights.files.tensors import SourceTensor, WeightFile

_LARGEST_FILE = 1 << 30  # bytes; FaceNet's 23.5 million weights take 94 MB
# A parser may take 40 times the bytes of a node that is made for it; the largest
# weights here, those of IResNet's dense layer, have 51 MB.
_LARGEST_NODE = 1 << 26  # bytes
_MOST_NODES, _MOST_AXES = 100_000, 8
_NODE = 1  # number of GraphDef's field
# Type: its name, the field of single values, bytes of a number.
_FLOATS = {
    types_pb2.DT_FLOAT: ("float32", "float_val", 4),
    types_pb2.DT_DOUBLE: ("float64", "double_val", 8),
    types_pb2.DT_HALF: ("float16", "half_val", 2),
    types_pb2.DT_BFLOAT16: ("bfloat16", "half_val", 2),
}


def read_frozen_graph(path: Path) -> WeightFile:
    """The floating-point constants of a `.pb` file, by the names of their nodes.

    Raises: InputError if the file is damaged or no frozen graph.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError(f"a frozen graph must be smaller than 1 GB: {path}")
    tensors, repeated, others = {}, 0, 0
    for node in _constants(path):
        if node.name in tensors:
            raise _damaged(path, f"{node.name!r:.80} occurs twice")
        proto = node.attr["value"].tensor
        if proto.dtype not in _FLOATS:
            others += 1
            continue
        tensors[node.name], more = _tensor(proto, path, node.name)
        repeated += more
        if repeated > path.stat().st_size:
            raise InputError(f"{path} is smaller than the numbers that it declares")
    if not tensors:
        raise InputError(
            f"{path} must be a frozen graph, with its weights as constants. A "
            "SavedModel or a graph that is not frozen has its weights in a checkpoint: "
            "give that"
        )
    notes = [f"{others} constants that are no floating-point numbers"] if others else []
    return WeightFile(path, "tensorflow graph", tensors, "keras", notes=notes)


def _constants(path):
    """The Const nodes, one at a time: the others are not kept."""
    try:
        fields = read_fields(memoryview(path.read_bytes()))
        nodes = (content for number, content in fields if number == _NODE)
        for count, content in enumerate(nodes, start=1):
            if count > _MOST_NODES or len(content) > _LARGEST_NODE:
                raise InputError(
                    f"{path} must have at most {_MOST_NODES} nodes, none larger than "
                    f"{_LARGEST_NODE} bytes"
                )
            node = node_def_pb2.NodeDef.FromString(bytes(content))
            if node.op == "Const":
                yield node
    except (DecodeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(path, "its nodes") from error


def _tensor(proto, path, name):
    """A constant, and the bytes that it will take beyond those in the file."""
    dtype, field, size = _FLOATS[proto.dtype]
    shape = tuple(axis.size for axis in proto.tensor_shape.dim)
    unknown = proto.tensor_shape.unknown_rank or any(n < 0 for n in shape)
    if unknown or len(shape) > _MOST_AXES:
        raise _damaged(path, f"shape of {name!r:.80}")
    count, repeated = math.prod(shape), 0
    if proto.tensor_content:
        received = len(proto.tensor_content)
        fits = received == count * size
    else:  # the last of the values stands for all that follow, none for 0
        received = size * len(getattr(proto, field))
        fits = received <= count * size
        repeated = count * size - received
    if not fits:
        raise _damaged(
            path,
            f"{name!r:.80} must have {count} numbers of {dtype}. "
            f"Received: {received} bytes",
        )

    def read():
        try:
            return np.asarray(tf.make_ndarray(proto))
        except (ValueError, TypeError, OverflowError) as error:
            raise _damaged(path, f"values of {name!r:.80}") from error

    return SourceTensor(shape, dtype, read), repeated


def _damaged(path, what):
    return InputError(f"damaged frozen graph: {path}, {what}")
