"""Constants of ONNX files, and operators on constants alone."""

import numpy as np
import onnx
from onnx import numpy_helper

from tf_sphereface.errors import InputError


def array_of(tensor: onnx.TensorProto) -> np.ndarray:
    """The numbers of a stored tensor.

    Raises: InputError if they are quantised; ValueError if they are not all there.
    """
    values = numpy_helper.to_array(tensor)
    if values.dtype in (np.int8, np.uint8, np.int16, np.uint16):
        raise InputError(
            f"is quantised already ({tensor.name:.60} of {values.dtype}): import the "
            "float network"
        )
    return values


def _folded_axes(inputs, options):
    found = options.get("axes", inputs[1] if len(inputs) > 1 else ())
    return tuple(int(axis) for axis in np.asarray(found).reshape(-1))


def _folded_slice(inputs, options):
    data, starts, ends = inputs[:3]
    axes = inputs[3] if len(inputs) > 3 else range(len(starts))
    steps = inputs[4] if len(inputs) > 4 else [1] * len(starts)
    cut = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[int(axis)] = slice(int(start), int(end), int(step))
    return data[tuple(cut)]


def _folded_constant(inputs, options):
    [(kind, content)] = options.items()
    if kind == "value":
        return array_of(content)
    if kind in ("value_float", "value_floats", "value_int", "value_ints"):
        return content
    raise ValueError(kind)


# What only depends on constants, such as the shape that a Reshape takes.
FOLDED = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Cast": lambda inputs, options: inputs[0].astype(
        onnx.helper.tensor_dtype_to_np_dtype(options["to"])
    ),
    "Concat": lambda inputs, options: np.concatenate(inputs, options["axis"]),
    "Constant": _folded_constant,
    "Div": lambda inputs, _: (
        inputs[0] // inputs[1]
        if np.issubdtype(inputs[0].dtype, np.integer)
        else inputs[0] / inputs[1]
    ),
    "Gather": lambda inputs, options: np.take(
        inputs[0], inputs[1], options.get("axis", 0)
    ),
    "Identity": lambda inputs, _: inputs[0],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Neg": lambda inputs, _: -inputs[0],
    "Reshape": lambda inputs, _: inputs[0].reshape(inputs[1]),
    "Slice": _folded_slice,
    "Sqrt": lambda inputs, _: np.sqrt(inputs[0]),
    "Squeeze": lambda inputs, options: inputs[0].squeeze(
        _folded_axes(inputs, options) or None
    ),
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Transpose": lambda inputs, options: inputs[0].transpose(options.get("perm")),
    "Unsqueeze": lambda inputs, options: np.expand_dims(
        inputs[0], _folded_axes(inputs, options)
    ),
}
