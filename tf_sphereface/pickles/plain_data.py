"""Pickles of plain data: lists, texts, bytes, numbers and NumPy's arrays."""

import re
from pathlib import Path

import numpy as np

from tf_sphereface.pickles.reader import read_pickle
from tf_sphereface.pickles.vocabulary import RefusedPickleError, Vocabulary

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_DTYPE = re.compile(r"[|<>=]?(?:[biu]1|[iu][248])")


class PlainArray:
    """A NumPy array or scalar of a pickle: its numbers, in one dimension."""

    def __init__(self):
        self.values = np.empty(0, np.uint8)


class DType(str):
    """A dtype's code, such as u1."""


def _text(value):
    return value.decode("ascii") if type(value) is bytes else value


def _array_values(dtype, content):
    if type(dtype) is not DType or type(content) is not bytes:
        raise RefusedPickleError("an array of objects")
    return np.frombuffer(content, np.dtype(str(dtype)))


def _make_dtype(arguments):
    code = _text(arguments[0])
    found = _DTYPE.fullmatch(code) if type(code) is str else None
    if found is None:
        raise RefusedPickleError(f"an array of dtype {code!r:.80}")
    return DType(found.group())


def _make_scalar(arguments):
    scalar = PlainArray()
    scalar.values = _array_values(*arguments)
    if scalar.values.size != 1:
        raise ValueError("no scalar")
    return scalar


def _encode(arguments):
    text, encoding = arguments
    if _text(encoding) not in ("latin1", "latin-1"):
        raise RefusedPickleError(f"the encoding {encoding!r:.80}")
    if type(text) is not str:
        raise RefusedPickleError("an encoding of something that is no text")
    return text.encode("latin-1")


def _make_bytes(arguments):
    if arguments:
        raise RefusedPickleError("bytes made of something else")
    return b""


def _build(target, state):
    if type(target) is PlainArray:
        _, shape, dtype, _, content = state
        values = _array_values(dtype, content)
        if values.size != int(np.prod(shape, dtype=np.float64)):
            raise ValueError("an array of another size")
        target.values = values
    elif type(target) is not DType:
        raise RefusedPickleError("a state for something that has none")


_PLAIN = Vocabulary(
    holds="plain lists, bytes, numbers and NumPy arrays",
    calls={
        "_codecs.encode": _encode,
        "__builtin__.bytes": _make_bytes,
        "builtins.bytes": _make_bytes,
        "numpy.dtype": _make_dtype,
        **{f"{module}._reconstruct": lambda _: PlainArray() for module in _MULTIARRAY},
        **{f"{module}.scalar": _make_scalar for module in _MULTIARRAY},
    },
    names=frozenset({"numpy.ndarray"}),
    build=_build,
)


def read_plain_pickle(content: bytes, path: Path):
    """The object of a pickle of lists, tuples, texts, bytes, numbers and arrays.

    Args:
        content: The pickle.
        path: Its file, for messages.

    Returns: Python 2's strings and all bytes as bytes, NumPy's as `PlainArray`.
    Raises: InputError with the offset if the pickle is damaged or asks for anything
        else; nothing of it has run.
    """
    return read_pickle(content, path, _PLAIN)[0]
