"""Tiny files of every kind that `sphereface align` reads, written by the tests."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)

MAGIC = b"\x0a\x23\xd7\xce"


def record_parts(content):
    """RecordIO as MXNet writes it: cut at magic numbers at multiples of 4."""
    cuts = [i for i in range(0, len(content) - 3, 4) if content[i : i + 4] == MAGIC]
    starts, ends = [0, *(cut + 4 for cut in cuts)], [*cuts, len(content)]
    parts = [content[a:b] for a, b in zip(starts, ends, strict=True)]
    kinds = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    written = b""
    for kind, part in zip(kinds, parts, strict=True):
        written += MAGIC + struct.pack("<I", kind << 29 | len(part))
        written += part + b"\0" * (-len(part) % 4)
    return written


def image_record(label, number, image, labels=()):
    head = struct.pack("<IfQQ", len(labels), label, number, 0)
    return head + struct.pack(f"<{len(labels)}f", *labels) + image


def encoded(pixels, kind="JPEG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def photos():
    """Encoded photos of three people by IDENTITY/FILE."""
    rng = np.random.default_rng(13)
    result = {}
    for name in ("Ada", "Grace", "Zoë Ünal"):
        person = sample_identity(rng)
        for number in (1, 2):
            image = render_photo(person, sample_capture(rng, 8.0)).image
            result[f"{name}/{number}.jpg"] = encoded(image, quality=95)
    return result


@pytest.fixture(scope="session")
def crops():
    """Six encoded 112 x 112 faces, as InsightFace's."""
    rng = np.random.default_rng(3)
    smooth = rng.integers(0, 256, (6, 14, 14, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    return [encoded(pixels, quality=90) for pixels in smooth]


@pytest.fixture
def write_records(tmp_path):
    """Writes NAME.rec and NAME.idx of {number: record content}."""

    def write(records, name="train"):
        content, lines = b"", []
        for number, record in records.items():
            lines.append(f"{number}\t{len(content)}\n")
            content += record_parts(record)
        (tmp_path / f"{name}.rec").write_bytes(content)
        (tmp_path / f"{name}.idx").write_text("".join(lines))
        return tmp_path / f"{name}.rec"

    return write


@pytest.fixture
def insightface(write_records, crops):
    """A train.rec of six faces of three people, with records of the identities."""
    labels = (0, 0, 1, 1, 1, 12)
    records = {0: image_record(0, 0, b"", labels=(7, 10))}
    for number, (label, image) in enumerate(zip(labels, crops, strict=True), start=1):
        records[number] = image_record(label, number, image)
    for number, span in enumerate(((1, 3), (3, 6), (6, 7)), start=7):
        records[number] = image_record(0, number, b"", labels=span)
    return write_records(records)


@pytest.fixture
def record_writer():
    """Writers of records, for tests that need other ones."""
    return image_record, record_parts
