"""The idx files of MNIST: big-endian header, then bytes; plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError

IMAGES_MAGIC = 0x00000803  # unsigned bytes, three axes
LABELS_MAGIC = 0x00000801  # unsigned bytes, one axis


def read_idx(path: Path, magic: int) -> np.ndarray:
    """The array of an idx file of unsigned bytes.

    Args:
        path: The file, or the same name with ".gz" added.
        magic: What its first four bytes must be; the last byte is the number of axes.

    Returns: uint8, with the axes that the header says.
    Raises: InputError if there is no such file, or it is not whole, or something else.
    """
    path, content = _read_bytes(path)
    axes = magic & 0xFF
    header = np.frombuffer(content[: 4 + 4 * axes], ">u4", count=len(content[:4]) // 4)
    if not len(header) or header[0] != magic:
        found = content[:4].hex() or "nothing"
        raise InputError(
            f"{path} must begin with the idx magic {magic:08x}. Received: {found}"
        )
    if len(content) < 4 + 4 * axes:
        raise InputError(f"{path} is cut off in its header of {4 + 4 * axes} bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", count=axes, offset=4))
    values = content[4 + 4 * axes :]
    if len(values) != math.prod(shape):
        raise InputError(
            f"{path} must have {math.prod(shape)} bytes after its header, as its "
            f"axes {shape} say. Received: {len(values)}"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def read_labelled_images(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one part of MNIST.

    Args:
        folder: Where the idx files are, plain or with ".gz".
        name: "train" or "t10k".

    Returns: uint8 (images, height, width), ink 255 on paper 0; uint8 (images,).
    Raises: InputError as `read_idx`, or if the two counts differ or are 0.
    """
    images = read_idx(folder / f"{name}-images-idx3-ubyte", IMAGES_MAGIC)
    labels = read_idx(folder / f"{name}-labels-idx1-ubyte", LABELS_MAGIC)
    if len(images) != len(labels) or not images.size:
        raise InputError(
            f"the {name} files of {folder} must have as many images as labels, and "
            f"some. Received: {len(images)} images, {len(labels)} labels"
        )
    return images, labels


def _read_bytes(path):
    zipped = path.with_name(path.name + ".gz")
    if path.is_file():
        return path, path.read_bytes()
    if not zipped.is_file():
        raise InputError(f"no file {path} or {zipped.name} beside it")
    try:
        return zipped, gzip.decompress(zipped.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{zipped} is not a whole gzip file: {error}") from error
