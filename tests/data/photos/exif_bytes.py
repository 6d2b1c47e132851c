"""EXIF blocks byte by byte, with values of types that no library would write."""

import struct

ASCII, SHORT, LONG, RATIONAL, SIGNED_RATIONAL = 2, 3, 4, 5, 10
ORIENTATION, MAKE, X_RESOLUTION = 0x0112, 0x010F, 0x011A


def exif_block(*entries, orientation=6):
    """A little-endian EXIF block.

    Args:
        entries: (tag, type, count, content) each; content of more than 4 bytes is put
            after the directory.
        orientation: Of the photo; None leaves it out.
    """
    if orientation is not None:
        entries += ((ORIENTATION, SHORT, 1, struct.pack("<HH", orientation, 0)),)
    entries = sorted(entries)
    place, fields, after = 8 + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, count, content in entries:
        value = content.ljust(4, b"\0")
        if len(content) > 4:
            value = struct.pack("<I", place + len(after))
            after += content
        fields += struct.pack("<HHI", tag, kind, count) + value
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    return head + fields + bytes(4) + after


ODD_BLOCKS = {
    "resolution as text": exif_block((X_RESOLUTION, ASCII, 3, b"72\0")),
    "resolution -1/0": exif_block(
        (X_RESOLUTION, SIGNED_RATIONAL, 1, struct.pack("<ii", -1, 0))
    ),
    "make as a rational": exif_block((MAKE, RATIONAL, 1, struct.pack("<II", 7, 1))),
    "make as a number": exif_block((MAKE, LONG, 1, struct.pack("<I", 7))),
    "value far outside": exif_block((MAKE, ASCII, 1 << 20, b"\xff\xff\xff\x7f")),
}
