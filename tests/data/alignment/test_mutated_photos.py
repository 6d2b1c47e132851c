"""Photos with mutated EXIF and mutated bodies through the command `align`."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tests.data.photos.exif_bytes import ODD_BLOCKS
from tf_sphereface.commands.align import main
from tf_sphereface.data.aligned.manifest import read_manifest_rows
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM")
WITH_EXIF = ("JPEG", "PNG", "WEBP")
# The few run with all tests, the many with `make test-slow`.
COUNTS = pytest.mark.parametrize(
    ("exif", "bodies"), [(15, 12), pytest.param(3000, 500, marks=pytest.mark.slow)]
)


@pytest.fixture(scope="module")
def sideways():
    """A face as a camera stores it that was held upright: orientation 6."""
    rng = np.random.default_rng(3)
    photo = render_photo(sample_identity(rng), sample_capture(rng, 5.0), size=96)
    return Image.fromarray(np.ascontiguousarray(np.rot90(photo.image, 1)))


def encoded(image, kind, exif=None):
    content = io.BytesIO()
    options = {} if exif is None else {"exif": exif}
    image.save(content, kind, **options)
    return content.getvalue()


def mutated(content, rng):
    """The bytes with one to four runs of them replaced, doubled or cut out."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at = rng.integers(0, len(content))
        run = content[at : at + rng.integers(0, 9)]
        new = [rng.bytes(len(run)), run * 2, b"", b"\xff" * len(run)][rng.integers(4)]
        content[at : at + len(run)] = new
    return bytes(content)


@COUNTS
def test_every_mutated_photo_has_a_row(sideways, tmp_path, capsys, exif, bodies):
    rng, blocks = np.random.default_rng(20260), list(ODD_BLOCKS.values())
    folder = tmp_path / "photos" / "Ada"
    folder.mkdir(parents=True)
    (folder / "sound.jpg").write_bytes(encoded(sideways, "JPEG", blocks[0]))
    for number in range(exif):
        # The block of 6 bytes and the header of 8 stay more often than not.
        block = blocks[number % len(blocks)]
        keep = 14 if number % 4 else 0
        block = block[:keep] + mutated(block[keep:], rng)
        kind = WITH_EXIF[number % len(WITH_EXIF)]
        (folder / f"exif{number}.jpg").write_bytes(encoded(sideways, kind, block))
    upright = sideways.transpose(Image.Transpose.ROTATE_270)
    whole = {kind: encoded(upright, kind) for kind in KINDS}
    for number in range(bodies):
        content = mutated(whole[KINDS[number % len(KINDS)]], rng)
        (folder / f"body{number}.jpg").write_bytes(content)
    out = tmp_path / "out"
    command = [str(folder.parent), "--out", str(out), "--processes", "1"]
    assert main([*command, "--no-thumbnails"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    rows = read_manifest_rows(out)
    assert sorted(rows) == sorted(f"Ada/{file.name}" for file in folder.iterdir())
    # A mutated orientation may turn the face on its side, but no picture is lost.
    reasons = Counter(row.reason for name, row in rows.items() if "/exif" in name)
    assert reasons.keys() <= {"", "no face"}
    assert reasons[""] > exif / 4
    reasons = {row.reason for name, row in rows.items() if "/body" in name}
    assert {"", "damaged image"} <= reasons
