"""Named tensors of a file, read on demand: the result of every reader of weights."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError

FOLDED = (
    "the file has batch norm folded into its convolutions: ours has statistics of 0 "
    "and 1 in its place, which training would replace; freeze the stages, or train "
    "with a small learning rate"
)
FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclasses.dataclass(frozen=True)
class SourceTensor:
    """A tensor of a file.

    Args:
        shape: As the file has it.
        dtype: As the file has it, such as "bfloat16".
        read: Gives the values; bfloat16 as float32. Raises InputError.
        note: What is to be said of it, such as why it is left out.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    note: str = ""

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """The tensors of a file, by name, in the file's order.

    Args:
        kind: One of `kind_of`.
        layout: "torch" (kernels OIHW, dense kernels (out, in) after a flatten in the
            order C, H, W) or "keras" (HWIO, (in, out), H, W, C).
        metadata: What the file says of itself.
        notes: What the reader left out, in words.
    """

    path: Path
    kind: str
    tensors: dict[str, SourceTensor]
    layout: str = "torch"
    metadata: dict = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


def read_float32(name: str, tensor: SourceTensor) -> np.ndarray:
    """The values of a tensor in float32.

    Raises: InputError if they are no floating-point numbers, or not finite.
    """
    if tensor.dtype not in FLOATS:
        raise InputError(
            f"a weight must be of one of {', '.join(FLOATS)}. Received: {name} of "
            f"{tensor.dtype}"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and told
        values = np.asarray(tensor.read(), np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"a weight must be finite in float32. Received: {name}")
    return values


def bfloat16_as_float32(content: bytes) -> np.ndarray:
    """bfloat16 is the upper half of a float32."""
    halves = np.frombuffer(content, "<u2").astype("<u4")
    return (halves << 16).view("<f4")
