"""State dicts that PyTorch saved: its zip format and the older one.

The older format is five pickles in a row (a magic number, the protocol, facts about the
machine, the object, the keys of the storages), then each storage as its count (8 bytes)
and its numbers.

Reference: torch/serialization.py of PyTorch 0.2 to 2.x.
"""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.pickles.reader import read_pickle
from tf_sphereface.weights.files.tensors import SourceTensor, bfloat16_as_float32
from tf_sphereface.weights.files.torch_pickle import state_dicts, text

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# Bytes of pickles; a network of a thousand layers has half a megabyte.
_LONGEST_PICKLE = 8 << 20
_ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,  # a seek to an offset that cannot be
    LookupError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)


def read_torch_object(path: Path):
    """The object of a file that `torch.save` wrote, and how to read its storages.

    Returns: (object, read): dicts, lists, texts, numbers and `StoredTensor`; `read`
        takes a `Storage` and gives its bytes.
    Raises: InputError if the file is damaged or holds anything else; nothing has run.
    """
    reader = _ZipFormat if zipfile.is_zipfile(path) else _OldFormat
    try:
        opened = reader(path)
    except _ZIP_DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"damaged PyTorch file: {path}") from error
    return opened.content, opened.read


def source_tensor(tensor, read_storage) -> SourceTensor:
    """A tensor of the object, to be read with the storages' reader."""

    def read():
        content = read_storage(tensor.storage)
        dtype = tensor.storage.dtype
        if dtype == "bfloat16":
            values = bfloat16_as_float32(content)
        else:
            values = np.frombuffer(content, np.dtype(dtype).newbyteorder("<"))
        if 0 in tensor.shape:
            return np.zeros(tensor.shape, values.dtype)
        strides = [stride * values.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(
            values[tensor.offset :], tensor.shape, strides, writeable=False
        )
        return view.copy()

    return SourceTensor(tensor.shape, tensor.storage.dtype, read)


class _ZipFormat:
    def __init__(self, path):
        self._path = path
        self._file_size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            found = [
                name
                for name in archive.namelist()
                if name == "data.pkl" or name.endswith("/data.pkl")
            ]
            if len(found) != 1:
                raise InputError(
                    f"no PyTorch file: {path} must hold one data.pkl. "
                    f"Received: {len(found)}"
                )
            self._folder = found[0].removesuffix("data.pkl")
            order = f"{self._folder}byteorder"
            if order in archive.namelist() and self._member(archive, order) != (
                b"little"
            ):
                raise InputError(f"{path} must be of a little-endian machine")
            content = self._member(archive, found[0], _LONGEST_PICKLE)
        self.content, _ = read_pickle(content, path, state_dicts({}))

    def _member(self, archive, name, longest=None):
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise InputError(
                f"{self._path} must be as `torch.save` writes it, without compression"
            )
        if entry.file_size > (longest or self._file_size):
            raise InputError(f"{self._path}: {name} is too large")
        return archive.read(entry)

    def read(self, storage):
        try:
            with zipfile.ZipFile(self._path) as archive:
                content = self._member(archive, f"{self._folder}data/{storage.key}")
        except _ZIP_DAMAGE as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"damaged PyTorch file: {self._path}, storage {storage.key!r:.80}"
            ) from error
        if len(content) != storage.length:
            raise InputError(
                f"damaged PyTorch file: {self._path}, storage {storage.key!r:.80} "
                f"must have {storage.count} numbers of {storage.dtype}. "
                f"Received: {len(content)} bytes"
            )
        return content


class _OldFormat:
    def __init__(self, path):
        self._path = path
        with open(path, "rb") as file:
            head = file.read(min(_LONGEST_PICKLE, path.stat().st_size))
        storages = {}
        vocabulary = state_dicts(storages)
        at, pieces = 0, []
        for expected in (_MAGIC, _PROTOCOL, None, None, None):
            piece, at = read_pickle(head, path, vocabulary, at)
            if expected is not None and piece != expected:
                raise InputError(f"not a file that `torch.save` wrote: {path}")
            pieces.append(piece)
        _, _, machine, self.content, keys = pieces
        if type(machine) is dict and not _little_endian(machine):
            raise InputError(f"{path} must be of a little-endian machine")
        if type(keys) is not list:
            raise InputError(f"damaged PyTorch file: {path}, storage keys")
        self._places = self._find([text(key) for key in keys], storages, at)

    def _find(self, keys, storages, at):
        """The byte at which each storage begins; all lie within the file."""
        places, end = {}, self._path.stat().st_size
        with open(self._path, "rb") as file:
            for key in keys:
                storage = storages.get(key) if type(key) is str else None
                file.seek(at)
                count = file.read(8)
                if storage is None or count != struct.pack("<q", storage.count):
                    raise InputError(
                        f"damaged PyTorch file: {self._path}, byte {at}, storage "
                        f"{key!r:.80}"
                    )
                places[key] = at + 8
                at += 8 + storage.length
                if at > end:
                    raise InputError(f"{self._path} ends early: storage {key!r:.80}")
        return places

    def read(self, storage):
        if storage.key not in self._places:
            raise InputError(f"{self._path} has no storage {storage.key!r:.80}")
        with open(self._path, "rb") as file:
            file.seek(self._places[storage.key])
            return file.read(storage.length)


def _little_endian(machine):
    return machine.get("little_endian", machine.get(b"little_endian", True))
