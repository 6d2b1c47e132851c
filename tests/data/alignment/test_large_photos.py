"""Tests for photos of many pixels, and of every kind, in the alignment."""

import io
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.manifest import read_manifest_rows
from tf_sphereface.data.alignment import photo_aligner
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.photos.images import DecodedPhoto, decode_photo, read_photo
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE


def smooth(height, width):
    """A colour picture without detail finer than 16 pixels."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 32 + 2, width // 32 + 2, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def block_means(pixels, size):
    """An oracle: the mean of each size x size square, whole squares only."""
    height, width = (side // size * size for side in pixels.shape[:2])
    blocks = pixels[:height, :width].astype(float)
    blocks = blocks.reshape(height // size, size, width // size, size, 3)
    return blocks.mean(axis=(1, 3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("most", "size"), [(40_000, 1), (39_999, 2), (1_000, 8)])
def test_reduced_photo_is_the_mean_of_squares(kind, most, size):
    pixels = smooth(200, 200)
    quality = {"lossless": True} if kind == "WEBP" else {"quality": 98}
    quality = {} if kind in ("PNG", "TIFF") else quality
    photo = decode_photo(encode(Image.fromarray(pixels), kind, **quality), "x", most)
    assert photo.reduction == size
    expected = block_means(pixels, size)
    actual = photo.pixels[: len(expected), : expected.shape[1]]
    assert np.abs(actual - expected).mean() < 2.0


def test_a_further_reduction_than_a_jpeg_decoder_offers():
    pixels = smooth(640, 960)
    photo = decode_photo(encode(Image.fromarray(pixels), "JPEG", quality=98), "x", 2400)
    assert (photo.reduction, photo.pixels.shape) == (16, (40, 60, 3))
    assert np.abs(photo.pixels - block_means(pixels, 16)).mean() < 2.0


def test_odd_sizes_round_up():
    photo = decode_photo(encode(Image.new("RGB", (203, 101)), "PNG"), "x", 6_000)
    assert (photo.reduction, photo.pixels.shape) == (2, (51, 102, 3))


def test_points_are_mapped_there_and_back():
    picture = DecodedPhoto(np.zeros((1, 1, 3), np.uint8), 4)
    # The first pixel of the picture covers pixels 0 to 3; their middle is 1.5.
    np.testing.assert_allclose(picture.to_photo(np.array([0.0, 1.0])), [1.5, 5.5])
    points = np.array([[3.25, 99.0]])
    np.testing.assert_allclose(picture.from_photo(picture.to_photo(points)), points)


def test_orientation_of_a_reduced_photo_is_applied():
    pixels = smooth(120, 200)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(pixels, 1)))
    photo = decode_photo(encode(stored, "JPEG", quality=98, exif=exif), "x", 8_000)
    assert photo.pixels.shape == (60, 100, 3)
    assert np.abs(photo.pixels - block_means(pixels, 2)).mean() < 2.0


@pytest.mark.parametrize(
    "mode", ["L", "CMYK", "I;16", "P", "RGBA", "LA", "F", "I", "1"]
)
def test_every_mode_is_reduced_as_it_is_read(tmp_path, mode, monkeypatch):
    monkeypatch.setattr("tf_sphereface.data.photos.images._STRIP_PIXELS", 2_000)
    grey = smooth(96, 128)[..., 0]
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode in ("F", "I"):
        image = Image.fromarray(grey.astype(np.float32 if mode == "F" else np.int32))
    elif mode == "P":
        image = Image.fromarray(grey).convert("P")
        image.info["transparency"] = 255
    else:
        image = Image.fromarray(smooth(96, 128)).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(grey))
    content = encode(image, "TIFF" if mode in ("F", "I", "CMYK") else "PNG")
    (tmp_path / "x.photo").write_bytes(content)
    whole = read_photo(tmp_path / "x.photo")
    photo = decode_photo(content, "x", 96 * 128 - 1)
    assert photo.reduction == 2
    assert np.abs(photo.pixels - block_means(whole, 2)).max() <= 1.0


def test_too_many_pixels_are_refused_by_name(tmp_path, monkeypatch):
    Image.new("L", (30, 30)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 440)  # refused above twice that
    with pytest.raises(InputError, match="too large an image: .*x.png"):
        read_photo(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 800)  # a warning would be an error
    assert read_photo(tmp_path / "x.png").shape == (30, 30, 3)


@pytest.fixture(scope="module")
def face():
    rng = np.random.default_rng(5)
    return render_photo(sample_identity(rng), sample_capture(rng, 5.0)).image


def test_large_photo_gives_the_face_of_the_whole_one(tmp_path, face, monkeypatch):
    (tmp_path / "photos" / "Ada").mkdir(parents=True)
    side = max(face.shape)
    large = cv2.resize(face, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    Image.fromarray(large).save(tmp_path / "photos" / "Ada" / "1.jpg", quality=95)
    align_photos(tmp_path / "photos", tmp_path / "whole", processes=1)
    monkeypatch.setattr(photo_aligner, "MOST_PIXELS", (2 * side) ** 2)
    align_photos(tmp_path / "photos", tmp_path / "reduced", processes=1)
    whole, reduced = (
        read_manifest_rows(tmp_path / name)["Ada/1.jpg"]
        for name in ("whole", "reduced")
    )
    # Pixels of the large photo; the face is some hundred wide.
    offsets = np.subtract(whole.landmarks, reduced.landmarks)
    assert np.abs(offsets).max() < 0.02 * large.shape[1]
    assert np.abs(np.subtract(whole.box, reduced.box)).max() < 0.06 * large.shape[1]
    crops = [
        np.asarray(Image.open(tmp_path / name / "Ada" / "1.jpg")).astype(int)
        for name in ("whole", "reduced")
    ]
    assert np.abs(crops[0] - crops[1]).mean() < 12


def test_small_face_is_warped_from_the_whole_photo():
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (400, 400, 3), np.uint8)
    content = encode(Image.fromarray(pixels), "PNG")
    small = LANDMARK_TEMPLATE + 100.0  # the crop is cut out, pixel by pixel
    photo = decode_photo(content, "x", 60_000)
    crop = photo_aligner.align_large("x", photo, content, small)
    np.testing.assert_array_equal(crop, pixels[100:212, 100:196])


def test_large_face_is_warped_from_the_reduced_photo():
    pixels = smooth(800, 800)
    content = encode(Image.fromarray(pixels), "PNG")
    photo = decode_photo(content, "x", 200_000)
    assert photo.reduction == 2
    large = (LANDMARK_TEMPLATE + 0.5) * 2 - 0.5 + 100
    crop = photo_aligner.align_large("x", photo, b"not read again", large)
    expected = block_means(pixels[100:324, 100:292], 2)
    assert np.abs(crop - expected).max() <= 1


def test_memory_of_a_photo_of_100_megapixels_is_bounded():
    script = (
        "import io, resource, sys\n"
        "from PIL import Image\n"
        "from tf_sphereface.data.photos.images import decode_photo\n"
        "content = sys.stdin.buffer.read()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "photo = decode_photo(content, 'x', 24_000_000)\n"
        "print(photo.reduction, *photo.pixels.shape, peak() - before)\n"
    )
    content = encode(Image.new("RGB", (10_000, 10_000), (9, 99, 199)), "JPEG")
    done = subprocess.run(
        [sys.executable, "-c", script], input=content, capture_output=True, check=True
    )
    reduction, height, width, _, megabytes = map(int, done.stdout.split())
    assert (reduction, height, width) == (4, 2_500, 2_500)
    assert megabytes < 120  # 300 would be one copy of the whole photo
