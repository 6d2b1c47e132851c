"""MXNet's RecordIO files, without mxnet.

A record is one or more parts. A part is the magic number, a word whose upper 3 bits say
which part it is and whose lower 29 its length in bytes, the bytes, and padding to a
multiple of 4. Where a record's content has the magic number at a multiple of 4, the
writer leaves it out and begins a new part there.

An image record begins with flag (uint32), label (float32), id and id2 (uint64); if the
flag is not 0 as many float32 labels follow and count instead of the label.
"""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tf_sphereface.data.photos.images import LARGEST_PHOTO
from tf_sphereface.errors import InputError

_MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_PART = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")
_WHOLE, _START, _MIDDLE, _END = range(4)
_LENGTH_BITS = 29
_HEAD_BYTES = 1024  # read at once: the header and, as a rule, all labels


class RecordHead(NamedTuple):
    """Header of an image in a record.

    Args:
        labels: Numbers of the record: the header's one, or those that follow it.
        flag: 0 if the label is the header's own.
        image_start: Offset of the image in the record's content, bytes.
        bytes: Size of the record's content.
    """

    labels: tuple[float, ...]
    flag: int
    image_start: int
    bytes: int


def read_head(file: BinaryIO, offset: int, size: int, path: Path) -> RecordHead:
    """The labels of the record at `offset`, without its image.

    Args:
        file: The open file.
        offset: Where the record's first part begins, bytes.
        size: Size of the file, bytes.
        path: The file, for messages.

    Raises: InputError with the offset if there is no whole record.
    """
    kind, length = _part(file, offset, size, path)
    if kind == _WHOLE:
        content = file.read(min(length, _HEAD_BYTES))
        flag = _HEADER.unpack_from(content)[0] if len(content) >= _HEADER.size else 0
        if _HEADER.size + 4 * flag > len(content) < length:
            content += file.read(min(length, _HEADER.size + 4 * flag) - len(content))
    else:
        content = read_record(path, offset)
        length = len(content)
    return _head(content, length, offset, path)


def read_image(path: Path, offset: int) -> bytes:
    """The image of the record at `offset`.

    Raises: InputError with the offset if there is no whole record.
    """
    content = read_record(path, offset)
    return content[_head(content, len(content), offset, path).image_start :]


def read_record(path: Path, offset: int) -> bytes:
    """The content of the record at `offset`, its parts put together.

    Raises: InputError with the offset if there is no whole record.
    """
    size, start = path.stat().st_size, offset
    parts, total = [], 0
    with open(path, "rb") as file:
        while True:
            kind, length = _part(file, offset, size, path)
            if kind not in ((_MIDDLE, _END) if parts else (_WHOLE, _START)):
                raise InputError(
                    f"damaged records: {path}, byte {offset}: part {kind} of the "
                    f"record at {start} is out of order"
                )
            parts.append(file.read(length))
            total += length + len(_MAGIC_BYTES)
            if total > LARGEST_PHOTO:
                raise InputError(f"damaged records: {path}, byte {start}: no end")
            if kind in (_WHOLE, _END):
                return _MAGIC_BYTES.join(parts)
            offset += _PART.size + length + -length % 4


def _part(file, offset, size, path):
    """Kind and length of the part at `offset`; leaves the file at its content."""
    if not 0 <= offset <= size - _PART.size:
        raise InputError(
            f"truncated records: {path} has {size} bytes, and a record should begin "
            f"at {offset}"
        )
    file.seek(offset)
    magic, word = _PART.unpack(file.read(_PART.size))
    kind, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
    if magic != _MAGIC or kind > _END:
        raise InputError(f"damaged records: {path}, byte {offset}: no record begins")
    if offset + _PART.size + length > size:
        raise InputError(
            f"truncated records: {path} has {size} bytes, and the record at {offset} "
            f"has {length}"
        )
    return kind, length


def _head(content, length, offset, path):
    if len(content) < _HEADER.size:
        raise InputError(
            f"damaged records: {path}, byte {offset}: {len(content)} bytes are no image"
        )
    flag, label, _, _ = _HEADER.unpack_from(content)
    start = _HEADER.size + 4 * flag
    if start > len(content):
        raise InputError(
            f"damaged records: {path}, byte {offset}: {flag} labels do not fit in "
            f"{length} bytes"
        )
    labels = struct.unpack_from(f"<{flag}f", content, _HEADER.size) or (label,)
    return RecordHead(labels, flag, start, length)
