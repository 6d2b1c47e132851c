"""Numbers and fields of protocol buffers' wire format, where a parser asks too much.

A message class allocates what a file asks for: some 50 bytes for an empty message of
two. So the outermost fields are walked here, one by one.
"""

from collections.abc import Iterator

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}
_LONGEST_VARINT = 10  # bytes


def read_varint(content: bytes | memoryview, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, and where it ends.

    Raises: ValueError if it does not end.
    """
    number = 0
    for place, byte in enumerate(content[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number does not end")


def read_fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(number of the field, its content) of fields with a length; others are skipped.

    Raises: ValueError if a field does not end.
    """
    at = 0
    while at < len(content):
        tag, at = read_varint(content, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = read_varint(content, at)
            continue
        if kind == _BYTES:
            length, at = read_varint(content, at)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError("a field of no known kind")
        if length > len(content) - at:
            raise ValueError("a field does not end")
        if kind == _BYTES:
            yield number, content[at : at + length]
        at += length
