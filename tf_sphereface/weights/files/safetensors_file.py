"""Safetensors: read with the library, bfloat16 by hand, since NumPy has none."""

import json
import struct
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing
from tf_sphereface.weights.files.tensors import (
    SourceTensor,
    WeightFile,
    bfloat16_as_float32,
)

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def read_safetensors(path: Path) -> WeightFile:
    """The tensors of a `.safetensors` file; the library checks lengths and offsets.

    Raises: InputError if the file is damaged.
    """
    try:
        with safe_open(path, "np") as file:
            metadata = dict(file.metadata() or {})
            facts = {}
            for name in file.keys():  # noqa: SIM118 - the file is no dict
                part = file.get_slice(name)
                facts[name] = (tuple(part.get_shape()), part.get_dtype())
    except SafetensorError as error:
        raise InputError(f"damaged .safetensors file: {path} ({error})") from error
    tensors = {
        name: SourceTensor(shape, _DTYPES.get(dtype, dtype), _reader(path, name, dtype))
        for name, (shape, dtype) in facts.items()
    }
    layout = "keras" if metadata.get("layout") == "keras" else "torch"
    return WeightFile(path, "safetensors", tensors, layout, metadata)


def write_safetensors(
    tensors: dict[str, np.ndarray], path: Path, metadata: dict[str, str]
) -> None:
    """Writes the file whole or not at all.

    Raises: OSError if it cannot be written, such as on a full disk.
    """
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:
            raise OSError(f"cannot write {path}: {error}") from error


def _reader(path, name, dtype):
    def read():
        if dtype == "BF16":
            return _read_bfloat16(path, name)
        try:
            with safe_open(path, "np") as file:
                return file.get_tensor(name)
        except (SafetensorError, TypeError) as error:
            raise InputError(f"unreadable tensor {name:.80}: {path}") from error

    return read


def _read_bfloat16(path, name):
    # The library has checked the header when the file was opened.
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        values = bfloat16_as_float32(file.read(end - begin))
    return values.reshape(entry["shape"])
