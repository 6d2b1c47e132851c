"""The TFLite interpreter, and the real values of its tensors."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import native_messages_held_back


def open_interpreter(
    content: bytes, threads: int | None = None, all_tensors: bool = False
) -> Interpreter:
    """An interpreter for the content of a TFLite file, tensors not yet allocated.

    Args:
        content: Of the file.
        threads: Number of threads; None leaves it to the interpreter.
        all_tensors: Keep what every operator gives, which needs the plain operators in
            place of the CPU delegate: slow, and for inspection only.

    Raises: ValueError or RuntimeError if the content is no TFLite model.
    """
    if not all_tensors:
        return Interpreter(model_content=content, num_threads=threads)
    return Interpreter(
        model_content=content,
        num_threads=threads,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def allocate(interpreter: Interpreter) -> None:
    """Allocates tensors; the note that XNNPACK is in use does not reach the terminal.

    Raises: ValueError or RuntimeError if the model cannot run at its input shapes.
    """
    with native_messages_held_back():
        interpreter.allocate_tensors()


@contextlib.contextmanager
def reports_refusals(path: Path | str) -> Iterator[None]:
    """Turns what the interpreter raises into one line on a file that it cannot run.

    Raises: InputError in place of ValueError and RuntimeError.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise could_not_run(path, str(error)) from error


def could_not_run(path: Path | str, reason: str) -> InputError:
    """The error on a file that the interpreter cannot run."""
    reason = " ".join(reason.split())
    return InputError(f"{path}: the interpreter could not run it ({reason:.300})")


def to_stored(values: np.ndarray, details: dict) -> np.ndarray:
    """Real values as a tensor stores them.

    Args:
        values: Any shape.
        details: Of the tensor, as the interpreter gives them.

    Returns: The tensor's dtype; without quantisation only the dtype changes.
    """
    scale, zero_point = details["quantization"]
    if not scale:
        return values.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    stored = np.round(values / scale) + zero_point
    return np.clip(stored, limits.min, limits.max).astype(details["dtype"])


def to_real(values: np.ndarray, details: dict) -> np.ndarray:
    """Real values of a tensor's stored ones, float32: the inverse of `to_stored`."""
    scale, zero_point = details["quantization"]
    if not scale:
        return values.astype(np.float32)
    return (values.astype(np.float32) - zero_point) * np.float32(scale)
