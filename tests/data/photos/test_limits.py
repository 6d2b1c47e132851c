"""Photos that cost more than they should: one line, before they are decoded."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.crops import read_crop
from tf_sphereface.data.photos import images
from tf_sphereface.data.photos.images import decode_photo, read_content, read_photo
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.data.sources.files_reader import FileReader
from tf_sphereface.errors import InputError


def png_header(width, height, bits=8):
    """A PNG of so many pixels by its header, with next to no content."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def many_scans(width, height, scans):
    """A progressive JPEG whose last scan occurs so many times more."""
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "JPEG", progressive=True)
    content = content.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * scans + content[-2:]


BOMBS = {
    "900 megapixels": png_header(30_000, 30_000),
    "91 megapixels": png_header(9_100, 10_000),
    "46 megapixels of 16 bits": png_header(4_600, 10_000, 16),
    "5,000 scans": many_scans(1000, 1000, 5_000),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_costly_photos_are_refused_in_a_line(tmp_path, content):
    path = tmp_path / "photos" / "Ada" / "1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    readers = (
        lambda: read_photo(path),
        lambda: decode_photo(content, str(path), 1_000),
        lambda: read_crop(path, 112, 96),
    )
    for read in readers:
        with pytest.raises(InputError, match=f"^too large an image: {path} ") as caught:
            read()
        assert "\n" not in str(caught.value)
    assert open_photo_source(path.parent.parent).names == ("Ada/1.jpg",)


def test_ordinary_progressive_photos_are_read():
    assert decode_photo(many_scans(1000, 1000, 20), "x").pixels.shape == (1000, 1000, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decoding_ends_after_its_time(monkeypatch, kind):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, kind)
    monkeypatch.setattr(images, "_MOST_SECONDS", -1)
    with pytest.raises(InputError, match="too large an image: x .*takes more than"):
        decode_photo(content.getvalue(), "x")


def test_a_wait_is_no_time_of_decoding(monkeypatch):
    content, clock = io.BytesIO(), iter(range(0, 10**6, 100))
    Image.new("RGB", (8, 8)).save(content, "JPEG")
    monkeypatch.setattr(images.time, "monotonic", lambda: next(clock))
    assert decode_photo(content.getvalue(), "x").pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("read", [read_content, FileReader(Path()).read])
def test_reading_takes_no_more_memory_than_the_file(tmp_path, monkeypatch, read):
    (tmp_path / "1.jpg").write_bytes(bytes(9_999))
    tracemalloc.start()
    try:
        assert read(tmp_path / "1.jpg") == bytes(9_999)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(images, "LARGEST_PHOTO", 9_998)
    with pytest.raises(InputError, match="^too large a file: .*1.jpg$"):
        read(tmp_path / "1.jpg")


def test_a_pipe_and_a_huge_file_are_no_photos(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="not a file: .*pipe.jpg"):
        read_photo(tmp_path / "pipe.jpg")
    monkeypatch.setattr(images, "LARGEST_PHOTO", 99)
    (tmp_path / "huge.jpg").write_bytes(bytes(100))
    with pytest.raises(InputError, match="too large a file: .*huge.jpg"):
        read_photo(tmp_path / "huge.jpg")


_WRITE = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from tf_sphereface.data.photos.images import decode_photo
from tf_sphereface.data.alignment.photo_aligner import MOST_PIXELS
path, most = Path(sys.argv[1]), float(sys.argv[2])
print(decode_photo(path.read_bytes(), "x", most).pixels.shape)
# Not ru_maxrss, which begins with what the parent has.
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
_KINDS = {
    "rgb.png": "RGB",
    "rgba.png": "RGBA",
    "palette.png": "P",
    "sixteen.png": "I;16",
    "x.gif": "P",
    "x.webp": "RGB",
    "float.tif": "F",
    "x.jp2": "RGB",
    "x.avif": "RGB",
    "x.jpg": "RGB",
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", _KINDS)
def test_largest_photo_of_every_kind_takes_less_than_2_gigabytes(tmp_path, name):
    side = 13_300 if name == "x.jpg" else 9_480
    options = {"x.jpg": {"progressive": True}, "x.webp": {"lossless": True}}
    options = {"float.tif": {"compression": "tiff_adobe_deflate"}, **options}
    options = {"x.avif": {"speed": 10}, **options}
    Image.new(_KINDS[name], (side, side)).save(tmp_path / name, **options.get(name, {}))
    for most in ("24e6", "inf"):
        command = [sys.executable, "-c", _WRITE, str(tmp_path / name), most]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        kilobytes = int(found.stdout.split()[-1])
        assert kilobytes < 2 << 20, (most, found.stdout)
