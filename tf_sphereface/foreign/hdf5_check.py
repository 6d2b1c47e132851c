"""A reader of whole HDF5 files, for the sandbox; without Keras it starts fast."""

import io
import zipfile
from pathlib import Path

import h5py

from tf_sphereface.errors import InputError

_WEIGHTS = "model.weights.h5"  # in a `.keras` archive
_CHUNK = 1 << 20  # bytes


def check_hdf5(path: Path) -> tuple[dict, dict[str, str]]:
    """Reads all that an HDF5 file, or the one in a `.keras` archive, holds.

    Returns: No tensors; metadata "kind": "model" or "weights".
    Raises: InputError if the file is damaged, refers to others, or declares more than
        it holds.
    """
    try:
        content = _content(path)
        size = content.seek(0, io.SEEK_END)
        with h5py.File(content, "r") as opened:
            complaint = _complaint(opened, size)
            kind = "model" if "model_config" in opened.attrs else "weights"
    except Exception as error:  # a foreign file makes the library raise anything
        raise InputError("is damaged, or no file of HDF5") from error
    if complaint:
        raise InputError(complaint)
    return {}, {"kind": kind}


def _content(path):
    """The HDF5 file in memory, once: the limits leave room for its numbers, too."""
    if path.suffix != ".keras":
        return io.BytesIO(path.read_bytes())
    content = io.BytesIO()
    with zipfile.ZipFile(path) as archive, archive.open(_WEIGHTS) as weights:
        # Its whole length at first: growing would take more.
        content.seek(max(archive.getinfo(_WEIGHTS).file_size - 1, 0))
        content.write(b"\0")
        content.seek(0)
        while chunk := weights.read(_CHUNK):
            content.write(chunk)
    return content


def _complaint(opened, size):
    total, complaint = 0, None

    def visit(_, item):
        nonlocal total, complaint
        list(item.attrs.items())
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual or item.compression:
            complaint = "must hold its numbers itself, not compressed"
        total += item.nbytes
        if total > size:
            complaint = "is smaller than the numbers that it declares"
        if complaint is None:
            item[()]
        return complaint

    list(opened.attrs.items())
    opened.visititems(visit)
    return complaint
