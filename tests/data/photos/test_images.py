"""Tests for tf_sphereface.data.photos.images."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.errors import InputError

RED, WHITE = (255, 0, 0), (255, 255, 255)


def gradient(height=24, width=40):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 6, rows + columns], axis=2).astype(np.uint8)


def test_rgb_png_is_read_unchanged(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), gradient())


def test_jpeg_is_rgb_and_not_bgr(tmp_path):
    Image.new("RGB", (32, 32), RED).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_photo(tmp_path / "a.jpg").astype(int) - RED).max() <= 3


def test_sixteen_bit_grey_keeps_its_brightness(tmp_path):
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    expected = np.round(values / 257).astype(int)  # 65535 / 255
    assert np.abs(photo.astype(int) - expected[..., None]).max() <= 1


def test_sixteen_bit_rgb_keeps_its_brightness(tmp_path):
    import cv2  # the writer: Pillow has no 16-bit RGB

    bgr = np.zeros((8, 8, 3), np.uint16)
    bgr[..., 2] = 128 * 257
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    photo = read_photo(tmp_path / "a.png").astype(int)
    assert np.abs(photo - (128, 0, 0)).max() <= 1


def test_cmyk_jpeg_is_not_inverted(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    photo = read_photo(tmp_path / "a.jpg").astype(int)
    assert photo[..., 0].min() > 230
    assert photo[..., 1:].max() < 25


def test_grey_has_three_equal_channels(tmp_path):
    Image.fromarray(gradient()[..., 0]).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo, np.repeat(gradient()[..., :1], 3, axis=2))


def test_palette_is_resolved(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    image.save(tmp_path / "a.png")
    assert (read_photo(tmp_path / "a.png") == RED).all()


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0], rgba[:2, :, 3] = 255, 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert (photo[:2] == RED).all()
    assert (photo[2:] == WHITE).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    # What each orientation says of the stored picture, from the EXIF 2.3 table.
    to_stored = {
        1: lambda image: image,
        2: np.fliplr,
        3: lambda image: np.rot90(image, 2),
        4: np.flipud,
        5: lambda image: np.swapaxes(image, 0, 1),
        6: lambda image: np.rot90(image, 1),
        7: lambda image: np.rot90(np.swapaxes(image, 0, 1), 2),
        8: lambda image: np.rot90(image, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(to_stored[orientation](gradient()))
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), gradient())


def test_one_pixel_is_a_photo(tmp_path):
    Image.new("RGB", (1, 1), RED).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").tolist() == [[list(RED)]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_file_is_damaged_and_not_filled_in(tmp_path, kind):
    path = tmp_path / "a.photo"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"image: {path}"):
        read_photo(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff"])
def test_other_content_is_not_an_image(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"image: {path}"):
        read_photo(path)


def test_missing_photo_is_named(tmp_path):
    with pytest.raises(InputError, match="no such photo: .*a.jpg"):
        read_photo(tmp_path / "a.jpg")


def test_postscript_is_no_photo(tmp_path):
    """Pillow would start Ghostscript on it, whatever its suffix says."""
    Image.new("RGB", (8, 8)).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "x.jpg")
    with pytest.raises(InputError, match="not an image"):
        read_photo(tmp_path / "x.jpg")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "BMP", "TIFF", "MPO", "PPM"])
def test_suffix_does_not_decide_what_a_photo_is(tmp_path, kind):
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "x.jpg", kind)
    assert read_photo(tmp_path / "x.jpg").shape == (8, 8, 3)
