"""Versions of operators that tell a runtime what a TFLite file needs of it.

ai-edge-quantizer leaves version 1 on every operator. A runtime that is older than the
kernels then loads the file and computes something else; with the true versions it
refuses the file.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tf_sphereface.bundle.records import RuntimeRecord
from tf_sphereface.runtimes.tflite_graph import operator_name, packed, read_model

_RUNTIME_ENTRY = b"min_runtime_version"
_RUNTIME_BYTES = 16  # the converter pads it with zeros
_FLOAT32, _FLOAT16 = schema.TensorType.FLOAT32, schema.TensorType.FLOAT16
_INT8, _INT4 = schema.TensorType.INT8, schema.TensorType.INT4
# As TensorFlow's converter has them: with 8-bit activations; with float ones and 8-bit
# weights of one scale, or of one a channel.
_WITH_KERNELS = {
    "CONV_2D": (3, 2, 5),
    "DEPTHWISE_CONV_2D": (3, 4, 6),
    "FULLY_CONNECTED": (4, 3, 12),
}
# Its converter does not know blocks of 4-bit weights. Its runtimes up to 2.20 know
# versions up to 13, and take the scales of blocks for those of channels.
_BLOCKWISE = 14
# Operators whose 8-bit kernels came with version 2; MUL's may be 3.
_SECOND = frozenset(
    [
        "ABS",
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "GATHER",
        "L2_NORMALIZATION",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MAXIMUM",
        "MEAN",
        "MINIMUM",
        "MUL",
        "PACK",
        "PAD",
        "PADV2",
        "RELU",
        "RELU6",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "SLICE",
        "SOFTMAX",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "STRIDED_SLICE",
        "SUB",
        "SUM",
        "TANH",
        "TRANSPOSE",
        "TRANSPOSE_CONV",
        "UNPACK",
    ]
)
_THIRD = frozenset({"REVERSE_V2", "TILE"})  # likewise
# The oldest runtimes that tests/runtimes runs, and those of what is newer.
_OLDEST = "2.14.0", "1.0.1"
_NEWER = {
    ("FULLY_CONNECTED", 12): ("2.17.0", "1.0.1"),
    ("FULLY_CONNECTED", _BLOCKWISE): ("2.21.0", "2.1.0"),
}


def with_true_versions(content: bytes) -> bytes:
    """A TFLite file whose operators have the versions that their tensors need.

    Args:
        content: Of the file; versions are raised, never lowered, and nothing else
            changes but the least runtime that it tells.
    """
    model = read_model(content)
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            code.version = max(code.version, _version(graph, operator, code))
    least = _least(model)[0]
    if least != _OLDEST[0]:
        _tell_runtime(model, least.encode())
    return packed(model)


def least_runtimes(content: bytes) -> RuntimeRecord:
    """The oldest runtimes that can run a file, of those that were tried."""
    lite, litert = _least(read_model(content))
    return RuntimeRecord(tensorflow_lite=lite, ai_edge_litert=litert)


def operator_versions(content: bytes) -> dict[str, int]:
    """Version of each operator of a file, by its name in TFLite's schema."""
    model = read_model(content)
    return {operator_name(code): code.version for code in model.operatorCodes}


def _least(model):
    needed = [
        _NEWER.get((operator_name(code), code.version), _OLDEST)
        for code in model.operatorCodes
    ]
    return max(needed, key=lambda pair: tuple(map(int, pair[0].split("."))))


def _version(graph, operator, code):
    """The version that an operator needs, 1 if it needs no newer one."""
    name = operator_name(code)
    taken = [graph.tensors[index] for index in operator.inputs if index >= 0]
    given = [graph.tensors[index] for index in operator.outputs]
    if name in _WITH_KERNELS:
        return _version_with_kernel(name, taken, given)
    types = {tensor.type for tensor in (*taken, *given)}
    if name == "DEQUANTIZE":
        stored = taken[0]
        if stored.type == _INT8:
            return 5 if _scales(stored) > 1 else 2
        return {_FLOAT16: 3, _INT4: 6}.get(stored.type, 1)
    if name in _THIRD and _INT8 in types:
        return 3
    if name == "MUL" and _INT8 in types:
        first, second, product = (float(t.quantization.scale[0]) for t in taken + given)
        return 3 if first * second / product >= 1 else 2
    return 2 if name in _SECOND and _INT8 in types else 1


def _version_with_kernel(name, taken, given):
    in_8_bits, one_scale, scales = _WITH_KERNELS[name]
    source, kernel = taken[:2]
    if kernel.type == _INT4 or _has_blocks(kernel):
        return _BLOCKWISE
    if kernel.type != _INT8:
        return 1
    if source.type == given[0].type == _FLOAT32:
        return scales if _scales(kernel) > 1 else one_scale
    return in_8_bits


def _scales(tensor):
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return 0 if scale is None else len(scale)


def _has_blocks(tensor):
    kind = schema.QuantizationDetails.BlockwiseQuantization
    return tensor.quantization is not None and tensor.quantization.detailsType == kind


def _tell_runtime(model, version):
    data = np.frombuffer(version.ljust(_RUNTIME_BYTES, b"\0"), np.uint8)
    for entry in model.metadata or ():
        if entry.name == _RUNTIME_ENTRY:
            model.buffers[entry.buffer].data = data
            return
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data, entry.name = data, _RUNTIME_ENTRY
    model.buffers.append(buffer)
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
