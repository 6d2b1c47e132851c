"""A TFLite file run as its users will run it, for the sandbox."""

from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.runtimes.litert import allocate, open_interpreter

# Of an input whose batch or sides are free.
_BATCH, _HEIGHT, _WIDTH, _CHANNELS = 4, 61, 48, 3
_TAKEN = (np.float32, np.int8, np.uint8)  # by networks of faces


def run_tflite(path: Path) -> tuple[dict, dict[str, str]]:
    """Runs a TFLite file on zeros and on noise.

    A file with a free batch or free sides runs in the shape that is written in it and
    in another.

    Returns: No tensors and no metadata.
    Raises: InputError if the interpreter refuses it in each shape.
    """
    content, refusals = path.read_bytes(), []
    for resized in (False, True):
        try:
            interpreter = open_interpreter(content, threads=1)
            inputs = interpreter.get_input_details()
            if resized and not any((d["shape_signature"] < 0).any() for d in inputs):
                break
            _run(interpreter, inputs, resized)
        except (ValueError, RuntimeError, MemoryError) as error:
            refusals.append(error)
        else:
            refusals.append(None)
    if all(refusals):
        raise InputError(str(refusals[0]) or "no reason")
    return {}, {}


def _run(interpreter, inputs, resized):
    shapes = [_resized(d) if resized else d["shape"] for d in inputs]
    for details, shape in zip(inputs, shapes, strict=True):
        if resized:
            interpreter.resize_tensor_input(details["index"], shape)
    allocate(interpreter)
    for signature in interpreter.get_signature_list():
        interpreter.get_signature_runner(signature).get_output_details()
    if any(details["dtype"] not in _TAKEN for details in inputs):
        return  # nothing here gives it such numbers
    rng = np.random.default_rng(0)
    for low, high in ((0, 1), (0, 256)):
        for details, shape in zip(inputs, shapes, strict=True):
            numbers = rng.integers(low, high, shape).astype(np.uint8)
            interpreter.set_tensor(details["index"], numbers.astype(details["dtype"]))
        interpreter.invoke()
        for details in interpreter.get_output_details():
            interpreter.get_tensor(details["index"])


def _resized(details):
    sides = (_BATCH, _HEIGHT, _WIDTH, _CHANNELS)
    return [
        sides[min(axis, 3)] if size < 0 else size
        for axis, size in enumerate(details["shape_signature"].tolist())
    ]
