"""Versions of operators that tell a runtime what a TFLite file needs of it.

ai-edge-quantizer leaves version 1 on every operator. A runtime that is older than the
kernels then loads the file and computes something else; with the true versions it
refuses the file.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python import convert

from tf_sphereface.bundle.records import RuntimeRecord
from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import native_messages_held_back
from tf_sphereface.tflite_graph import (
    operator_name,
    packed,
    read_model,
)

_RUNTIME_ENTRY = b"min_runtime_version"
_RUNTIME_BYTES = 16  # the converter pads it with zeros
# TensorFlow's writer does not know blocks of 4-bit weights. Its runtimes up to 2.20
# know versions up to 13, and take the scales of blocks for those of channels.
_BLOCKWISE_VERSION, _BLOCKWISE_RUNTIME = 14, b"2.21.0"
# LiteRT, by the version of TensorFlow Lite up to which it does; tests/runtimes measure.
_LITERT = (((2, 18, 0), "1.0.1"), ((2, 21, 0), "2.1.0"))


def with_true_versions(content: bytes) -> bytes:
    """A TFLite file with the versions that TensorFlow's own writer gives its operators.

    Args:
        content: Of the file; only versions and the least runtime change.

    Raises: InputError if TensorFlow cannot read the file.
    """
    written = read_model(_written_again(content))
    model = read_model(content)
    versions = {operator_name(code): code.version for code in written.operatorCodes}
    runtime = _least_runtime(written)
    for index, code in enumerate(model.operatorCodes):
        name = operator_name(code)
        code.version = max(versions.get(name, 1), code.version)
        if name == "FULLY_CONNECTED" and _has_blocks(model, index):
            code.version, runtime = _BLOCKWISE_VERSION, _BLOCKWISE_RUNTIME
    _set_least_runtime(model, runtime)
    return packed(model)


def least_runtimes(content: bytes) -> RuntimeRecord | None:
    """The oldest runtimes that a file says it needs; None if it says nothing."""
    found = _least_runtime(read_model(content))
    if found is None:
        return None
    version = found.decode()
    needed = tuple(map(int, version.split(".")))
    litert = next(last for until, last in _LITERT if needed <= until)
    return RuntimeRecord(tensorflow_lite=version, ai_edge_litert=litert)


def operator_versions(content: bytes) -> dict[str, int]:
    """Version of each operator of a file, by its name in TFLite's schema."""
    model = read_model(content)
    return {operator_name(code): code.version for code in model.operatorCodes}


def _written_again(content):
    # Of the file's weights nothing changes: they are sparse only if they were before.
    try:
        with native_messages_held_back():
            return convert.mlir_sparsify(content)
    except Exception as error:  # the binding raises RuntimeError or ConverterError
        raise InputError(f"TensorFlow cannot read the TFLite file: {error}") from error


def _has_blocks(model, code_index):
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator.opcodeIndex != code_index:
                continue
            weights = graph.tensors[operator.inputs[1]].quantization
            kind = schema.QuantizationDetails.BlockwiseQuantization
            if weights is not None and weights.detailsType == kind:
                return True
    return False


def _least_runtime(model):
    for entry in model.metadata or ():
        if entry.name == _RUNTIME_ENTRY:
            return bytes(model.buffers[entry.buffer].data).rstrip(b"\0")
    return None


def _set_least_runtime(model, version):
    if version is None:
        return
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
