"""The few names that pickles of plain data use, and what stands for them here."""

import re

import numpy as np

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_DTYPE = re.compile(r"[|<>=]?(?:[biu]1|[iu][248])")


class RefusedPickleError(Exception):
    """A pickle asks for what plain data does not need."""


class PlainArray:
    """A NumPy array or scalar of a pickle: its numbers, in one dimension."""

    def __init__(self):
        self.values = np.empty(0, np.uint8)


class Name(str):
    """A function or class that a pickle names; never looked up."""


class DType(str):
    """A dtype's code, such as u1."""


def _text(value):
    return value.decode("ascii") if type(value) is bytes else value


def array_values(dtype, content):
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
    scalar.values = array_values(*arguments)
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


CALLS = {
    "_codecs.encode": _encode,
    "__builtin__.bytes": _make_bytes,
    "builtins.bytes": _make_bytes,
    "numpy.dtype": _make_dtype,
    **{f"{module}._reconstruct": lambda _: PlainArray() for module in _MULTIARRAY},
    **{f"{module}.scalar": _make_scalar for module in _MULTIARRAY},
}
CLASSES = frozenset({"numpy.ndarray"})
