"""The operators and constants of a TFLite file, to be read and changed."""

import dataclasses
import itertools
from collections.abc import Iterator

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_NAMES = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if isinstance(code, int)
}
_ACTIVATIONS = {
    code: name
    for name, code in vars(schema.ActivationFunctionType).items()
    if isinstance(code, int)
}
_TYPES = {
    code: name
    for name, code in vars(schema.TensorType).items()
    if isinstance(code, int)
}
_NUMPY = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT32": "<i4"}
_QUANTISED = frozenset(["INT2", "INT4", "INT8", "INT16", "UINT4", "UINT8", "UINT16"])
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # bytes, of buffers: runtimes read weights where they lie


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Args:
        position: Its place in the order of execution.
        name: As TFLite's schema has it, such as "CONV_2D".
        inputs: Indices of tensors; -1 where one is left out.
        outputs: Indices of the tensors that it gives.
        activation: Name of the activation that is fused into it, or "NONE".
        options: Its options in the schema's class for them; None if it has none.
    """

    position: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    activation: str
    options: object | None

    @property
    def output(self) -> int:
        """Index of the first tensor that it gives."""
        return self.outputs[0]


class TFLiteGraph:
    """The first subgraph of a TFLite file.

    Args:
        content: Of the file.
    """

    def __init__(self, content: bytes):
        self.model = read_model(content)
        self._graph = self.model.subgraphs[0]
        self.operators = tuple(
            self._operator(position, operator)
            for position, operator in enumerate(self._graph.operators)
        )
        self.inputs = tuple(map(int, self._graph.inputs))
        self.outputs = tuple(map(int, self._graph.outputs))

    def _operator(self, position, operator):
        code = self.model.operatorCodes[operator.opcodeIndex]
        name = operator_name(code)
        activation = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        return Operator(
            position,
            name,
            tuple(map(int, operator.inputs)),
            tuple(map(int, operator.outputs)),
            _ACTIVATIONS[activation],
            operator.builtinOptions,
        )

    @property
    def activations(self) -> set[int]:
        """Indices of the tensors that are computed or given, not stored."""
        made = (operator.outputs for operator in self.operators)
        return {*self.inputs, *itertools.chain(*made)}

    def name(self, index: int) -> str:
        """Name of a tensor."""
        return self._graph.tensors[index].name.decode()

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(map(int, self._graph.tensors[index].shape))

    def signature_shape(self, index: int) -> tuple[int, ...]:
        """Shape of a tensor, -1 where the file leaves a side free."""
        signature = self._graph.tensors[index].shapeSignature
        if signature is None or not len(signature):
            return self.shape(index)
        return tuple(map(int, signature))

    def type_name(self, index: int) -> str:
        """Type of a tensor in TFLite's schema, such as "FLOAT32"."""
        return _TYPES[self._graph.tensors[index].type]

    def is_quantised(self, index: int) -> bool:
        """True if a tensor holds integers that stand for real numbers."""
        quantization = self._graph.tensors[index].quantization
        scales = getattr(quantization, "scale", None)
        return self.type_name(index) in _QUANTISED and scales is not None

    def is_float(self, index: int) -> bool:
        """True if a tensor holds float32."""
        return self._graph.tensors[index].type == schema.TensorType.FLOAT32

    def constant(self, index: int) -> np.ndarray | None:
        """A stored float32, float16 or int32 tensor; None of any other."""
        if index < 0:
            return None
        tensor, dtype = self._graph.tensors[index], _NUMPY.get(self.type_name(index))
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data) or dtype is None:
            return None
        return np.frombuffer(bytes(data), dtype).reshape(self.shape(index))

    def float_constants(self) -> Iterator[np.ndarray]:
        """The stored float32 tensors."""
        for index in range(len(self._graph.tensors)):
            values = self.constant(index)
            if values is not None and self.is_float(index):
                yield values

    def add_constant(self, name: str, values: np.ndarray) -> int:
        """Stores a float32 tensor of its own; returns its index."""
        tensor = schema.TensorT()
        tensor.name, tensor.type = name.encode(), schema.TensorType.FLOAT32
        tensor.shape, tensor.buffer = list(values.shape), self._add_buffer(values)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def replace(self, index: int, values: np.ndarray) -> None:
        """Stores other float32 values in a tensor, of the same shape."""
        self._graph.tensors[index].buffer = self._add_buffer(values)

    def replace_for(
        self, operator: Operator, argument: int, values: np.ndarray
    ) -> None:
        """Gives one operator a tensor of its own in place of a stored one.

        Args:
            operator: One of `operators`.
            argument: Number of its input.
            values: Of the type that is stored, float32 or int32.
        """
        before = self._graph.tensors[operator.inputs[argument]]
        tensor = schema.TensorT()
        vars(tensor).update(vars(before))
        tensor.name = before.name + f"_{operator.position}".encode()
        tensor.buffer = self._add_buffer(values)
        self._graph.tensors.append(tensor)
        changed = self._graph.operators[operator.position]
        inputs = list(changed.inputs)
        inputs[argument] = len(self._graph.tensors) - 1
        changed.inputs = inputs

    def _add_buffer(self, values):
        buffer = schema.BufferT()
        dtype = "<i4" if np.issubdtype(values.dtype, np.integer) else "<f4"
        stored = np.ascontiguousarray(values, dtype).tobytes()
        buffer.data = np.frombuffer(stored, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def content(self) -> bytes:
        """The file with the changes."""
        read = {int(index) for each in self._graph.operators for index in each.inputs}
        for index, tensor in enumerate(self._graph.tensors):
            if index not in read and self.constant(index) is not None:
                tensor.buffer = 0  # nothing reads it any more
        used = {tensor.buffer for tensor in self._graph.tensors}
        for number, buffer in enumerate(self.model.buffers):
            if number not in used and number > 0 and not self._is_metadata(number):
                buffer.data = None
        return packed(self.model)

    def _is_metadata(self, number):
        return any(each.buffer == number for each in self.model.metadata or ())


def operator_name(code: schema.OperatorCodeT) -> str:
    """Name of an operator in TFLite's schema, such as "CONV_2D"."""
    # Old files have the deprecated field only.
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def read_model(content: bytes) -> schema.ModelT:
    """The model of a TFLite file, with buffers that lie behind the flatbuffer."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # 0 and 1 say that there is none
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


class _Builder(flatbuffers.Builder):
    """Writes each vector of numbers once, however often it occurs, and aligns bytes.

    All zero points of a network's channels are zero: a tenth of a small 8-bit file.
    Python's builder aligns bytes to 1, whatever the schema says.
    """

    def __init__(self):
        super().__init__(1024)
        self._written = {}

    def CreateNumpyVector(self, values):  # noqa: N802 - the library's name
        key = (values.dtype.str, values.tobytes())
        if key not in self._written:
            if values.dtype == np.uint8:
                self.Prep(_ALIGNMENT, values.size)
            self._written[key] = super().CreateNumpyVector(values)
        return self._written[key]


def packed(model: schema.ModelT) -> bytes:
    """The TFLite file of a model.

    Equal vectors are written once; every buffer begins at a multiple of 16 bytes.
    """
    builder = _Builder()
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())
