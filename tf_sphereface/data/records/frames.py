"""Frames of TFRecord files, read without TensorFlow.

A record is its length (uint64), the length's masked CRC-32C, the bytes, and theirs.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from tf_sphereface.errors import InputError

_LENGTH = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8


def record_spans(path: Path) -> Iterator[tuple[int, int]]:
    """Yields offset and size of each record's content, bytes.

    The checksums of the lengths are compared, those of the contents are not.

    Raises: InputError with the offset where the file is truncated or damaged.
    """
    size, offset = path.stat().st_size, 0
    with open(path, "rb", buffering=0) as file:  # contents are not read
        while offset < size:
            file.seek(offset)
            head = file.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                raise InputError(f"truncated shard: {path}, byte {offset}")
            length, checksum = _LENGTH.unpack(head)
            if _masked_crc(head[:8]) != checksum:
                raise InputError(
                    f"damaged shard: {path}, byte {offset}: the length of a record "
                    "does not match its checksum"
                )
            start = offset + _LENGTH.size
            offset = start + length + _CHECKSUM.size
            if offset > size:
                raise InputError(
                    f"truncated shard: {path}, byte {start}: {size - start} bytes of a "
                    f"record of {length}"
                )
            yield start, length


def find_damage(path: Path) -> None:
    """Compares every checksum of the file, of lengths and of contents.

    Raises: InputError with the offset of the first record that is damaged.
    """
    with open(path, "rb") as file:
        for start, length in record_spans(path):
            file.seek(start)
            content = file.read(length)
            (checksum,) = _CHECKSUM.unpack(file.read(_CHECKSUM.size))
            if _masked_crc(content) != checksum:
                raise InputError(
                    f"damaged shard: {path}, byte {start}: a record of {length} bytes "
                    "does not match its checksum"
                )


def checksum_bytes(content: bytes) -> bytes:
    """The checksum that follows a record's content in its file, 4 bytes."""
    return _CHECKSUM.pack(_masked_crc(content))


def _masked_crc(content):
    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
