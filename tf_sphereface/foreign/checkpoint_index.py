"""The index of a TensorFlow checkpoint: which tensors there are, and where.

TensorFlow's own reader ends the whole process (a failed CHECK) if the index has
negative or too many axes, slices, or an entry that is no message. So all of it is read
and checked here, before TensorFlow sees the file.

Reference: tensorflow/core/lib/io (the format is LevelDB's) and tensor_bundle.proto.
"""

import dataclasses
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.wire_format import read_varint

_MAGIC, _FOOTER = 0xDB4775248B80FB57, 48  # bytes
_LARGEST_INDEX = 16 << 20  # bytes; a network's has some 100 a tensor
_MOST_TENSORS, _MOST_AXES = 100_000, 8
_DATA = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tensor: its shape, TensorFlow's number of its type, and its bytes."""

    shape: tuple[int, ...]
    dtype: int
    size: int


def find_index(path: Path) -> Path | None:
    """The `.index` file that belongs to a prefix, a part or the folder of a checkpoint.

    Returns: None if `path` is something else.
    Raises: InputError if a folder holds no checkpoint, or several.
    """
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) != 1:
            names = ", ".join(index.name for index in found[:6]) or "none"
            raise InputError(
                f"a folder must hold one checkpoint (a file .index), or name the one "
                f"to be read. Received: {path} with {names}"
            )
        return found[0]
    if path.suffix == ".index":
        return path
    data = _DATA.fullmatch(path.name)
    if data:
        return path.with_name(f"{data[1]}.index")
    index = path.with_name(f"{path.name}.index")
    return index if index.is_file() and not path.is_file() else None


def read_index(path: Path, *data_sizes: int) -> dict[str, Entry]:
    """The tensors of an index, by name, in its order.

    Args:
        path: The index.
        data_sizes: Bytes of each data file, in which all tensors must lie side by side.

    Raises: InputError if the index is damaged or of another number of data files.
    """
    from tensorflow.core.protobuf import tensor_bundle_pb2

    if path.stat().st_size > _LARGEST_INDEX:
        raise InputError(f"an index must be smaller than 16 MB: {path}")
    entries, total = {}, 0
    try:
        rows = _rows(memoryview(path.read_bytes()))
        key, value = next(rows, (None, b""))
        header = tensor_bundle_pb2.BundleHeaderProto.FromString(value)
        if key != b"":
            raise ValueError("no header")
        count = len(data_sizes)
        if header.num_shards != count or header.endianness != header.LITTLE:
            files = "one data file" if count == 1 else f"the {count} data files"
            raise InputError(f"{path} must be of {files}, little-endian")
        for key, value in rows:
            entry = tensor_bundle_pb2.BundleEntryProto.FromString(value)
            entries[key.decode()] = _checked(entry, key, data_sizes)
            total += entry.size
            if len(entries) > _MOST_TENSORS or total > sum(data_sizes):
                raise ValueError("more than the data file holds")
    except InputError:
        raise
    except (ValueError, struct.error, DecodeError) as error:
        raise InputError(f"damaged checkpoint: {path} ({error})") from error
    return entries


def _checked(entry, key, data_sizes):
    known = 0 <= entry.shard_id < len(data_sizes)
    data_size = data_sizes[entry.shard_id] if known else 0
    shape = tuple(axis.size for axis in entry.shape.dim)
    sound = (
        not entry.shape.unknown_rank
        and len(shape) <= _MOST_AXES
        and all(n >= 0 for n in shape)
        # A number has a byte, a scalar is one. TensorFlow multiplies as it goes, so
        # that an axis of 0 does not help the others.
        and math.prod(max(n, 1) for n in shape) <= data_size + 1
        and not entry.slices
        and known
        and min(entry.offset, entry.size) >= 0
        and entry.offset + entry.size <= data_size
    )
    if not sound:
        raise ValueError(f"entry of {key!r:.80}")
    return Entry(shape, entry.dtype, entry.size)


def _rows(content) -> Iterator[tuple[bytes, memoryview]]:
    """The keys and values of a table, which must be in order."""
    footer = content[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:]) != (_MAGIC,):
        raise ValueError("no footer")
    at = 0
    for _ in range(2):  # the first handle is of a block that is not used
        handle, at = _handle(footer, at)
    last = None
    for _, place in _block(content, *handle):
        for key, value in _block(content, *_handle(place, 0)[0]):
            if last is not None and key <= last:
                raise ValueError("keys out of order")
            last = key
            yield key, value


def _handle(content, at):
    """Offset and length of a block, and where this ends."""
    offset, at = read_varint(content, at)
    length, at = read_varint(content, at)
    return (offset, length), at


def _block(content, offset, length):
    """Keys without the beginning that they share with the one before, and values."""
    if offset + length + 5 > len(content):
        raise ValueError("a block does not end")
    if content[offset + length] != 0:
        raise ValueError("compressed")
    block, key, at = content[offset : offset + length], b"", 0
    (restarts,) = struct.unpack("<I", block[-4:])
    end = length - 4 * (restarts + 1)
    while at < end:
        shared, at = read_varint(block, at)
        own, at = read_varint(block, at)
        size, at = read_varint(block, at)
        if shared > len(key) or at + own + size > end:
            raise ValueError("an entry does not end")
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + size]
        at += own + size
    if at != end:
        raise ValueError("a block does not end")
