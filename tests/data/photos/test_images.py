"""Tests for tf_sphereface.data.photos.images."""

import io
import struct

import cv2  # the writer of 16-bit colours: Pillow has none
import numpy as np
import pytest
from PIL import Image

from tests.data.photos.exif_bytes import ODD_BLOCKS
from tf_sphereface.data.photos import images
from tf_sphereface.data.photos.colours import white_of
from tf_sphereface.data.photos.images import decode_photo, read_photo
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


@pytest.mark.parametrize(
    ("peak", "white"),
    [(200, 255), (1000, 1023), (4095, 4095), (9000, 16383), (65535, 65535)],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_fewer_bits_in_a_file_of_sixteen_is_stretched(kind, peak, white):
    values, content = np.linspace(0, peak, 64).astype(np.uint16), io.BytesIO()
    Image.fromarray(values.reshape(8, 8)).save(content, kind)
    photo = decode_photo(content.getvalue(), "a").pixels
    expected = np.round(values.reshape(8, 8, 1) * (255 / white))
    assert np.abs(photo - expected).max() <= 1


def test_white_of_pgm_is_the_one_that_the_file_says():
    content = b"P5 2 1 4095 " + np.array([0, 819], ">u2").tobytes()
    photo = decode_photo(content, "a.pgm").pixels
    assert photo[0, :, 0].tolist() == [0, 51]  # 819 / 4095 * 255


@pytest.mark.parametrize(
    ("values", "white"),
    [
        ([0.0, 0.6], 1),  # shares of white
        ([-0.1, 1.25], 1.25),  # sharpened
        ([0.0, 250.0], 255),
        ([0.0, 3000.0, np.nan, np.inf], 4095),
        ([0.0, 1e6], 1e6),
        ([np.nan], 1),
        ([], 1),
    ],
)
def test_white_of_floats_follows_their_peak(values, white):
    assert white_of(np.array(values, np.float32)) == white


def test_float_tiff_keeps_its_brightness():
    values = np.linspace(0, 4095, 64, dtype=np.float32).reshape(8, 8)
    values[0, :2] = np.nan, np.inf
    content = io.BytesIO()
    Image.fromarray(values).save(content, "TIFF")
    photo = decode_photo(content.getvalue(), "a.tif").pixels[..., 0].astype(int)
    assert photo[0, :2].tolist() == [0, 255]
    assert np.abs(photo.ravel()[2:] - np.linspace(0, 255, 64)[2:]).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("most_pixels", [float("inf"), 16])
@pytest.mark.parametrize("alpha", [(), (65535,)])
def test_twelve_bits_of_colour_in_a_file_of_sixteen_are_stretched(
    suffix, most_pixels, alpha
):
    pixels = np.full((8, 8, 3 + len(alpha)), (400, 1600, 3600, *alpha), np.uint16)
    content = cv2.imencode(suffix, pixels)[1].tobytes()
    photo = decode_photo(content, "a", most_pixels).pixels
    expected = np.round(np.array([3600, 1600, 400]) * (255 / 4095))
    assert np.abs(photo - expected).max() <= 1


def test_sixteen_bit_rgb_keeps_its_brightness(tmp_path):
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


def test_transparent_colour_of_rgb_is_laid_on_white():
    content = io.BytesIO()
    Image.new("RGB", (4, 4), RED).save(content, "PNG", transparency=RED)
    assert (decode_photo(content.getvalue(), "a.png").pixels == WHITE).all()


def test_rgb_is_converted_without_copies_between(monkeypatch):
    content = io.BytesIO()
    Image.fromarray(gradient()).save(content, "JPEG")
    with Image.open(content) as image:
        expected = np.asarray(image)
    for name in ("copy", "convert", "crop", "reduce"):
        monkeypatch.setattr(f"PIL.Image.Image.{name}", None)
    pixels = decode_photo(content.getvalue(), "a.jpg").pixels
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.flags.writeable and pixels.flags.c_contiguous


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("most_pixels", [float("inf"), 300])
def test_strips_give_the_pixels_of_the_whole(monkeypatch, mode, most_pixels):
    content = io.BytesIO()
    Image.fromarray(gradient(25, 41)).convert(mode).save(content, "PNG")
    whole = decode_photo(content.getvalue(), "a.png", most_pixels).pixels
    monkeypatch.setattr(images, "_STRIP_PIXELS", 41 * 4)  # 6 strips and a row
    strips = decode_photo(content.getvalue(), "a.png", most_pixels).pixels
    np.testing.assert_array_equal(strips, whole)


@pytest.mark.parametrize("alpha", [0, 255])
def test_bmp_without_a_use_for_its_fourth_byte_is_opaque(alpha):
    pixels = np.full((4, 4, 4), (0, 0, 255, alpha), np.uint8)  # BGRA
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    sizes = struct.pack("<IiiHHIIiiII", 108, 4, 4, 1, 32, 3, 64, 0, 0, 0, 0)
    header = struct.pack("<IHHI", 14 + 108 + 64, 0, 0, 14 + 108)
    content = b"BM" + header + sizes + masks + bytes(52) + pixels.tobytes()
    for most_pixels in (float("inf"), 4):
        assert (decode_photo(content, "a.bmp", most_pixels).pixels == RED).all()


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", ODD_BLOCKS.values(), ids=ODD_BLOCKS)
def test_odd_exif_turns_the_photo_all_the_same(kind, block):
    stored, content = np.rot90(gradient(), 1), io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored)).save(
        content, kind, exif=block, quality=100, lossless=True
    )
    for most_pixels in (float("inf"), 300):
        photo = decode_photo(content.getvalue(), "a.jpg", most_pixels)
        height, width = 24 // photo.reduction, 40 // photo.reduction
        assert photo.pixels.shape == (height, width, 3)
        blocks = (height, photo.reduction, width, photo.reduction, 3)
        expected = gradient().reshape(blocks).mean(axis=(1, 3))
        assert np.abs(photo.pixels - expected).mean() < 5


def test_unreadable_exif_leaves_the_photo_as_it_is_stored():
    content = io.BytesIO()
    Image.fromarray(gradient()).save(content, "PNG", exif=b"Exif\0\0XX" + bytes(9))
    photo = decode_photo(content.getvalue(), "a.png").pixels
    np.testing.assert_array_equal(photo, gradient())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (struct.error("unpack\nrequires"), "damaged image: a.png .unpack requires."),
        (ZeroDivisionError(), "damaged image: a.png .ZeroDivisionError."),
        (MemoryError(), "too large an image: a.png"),
    ],
)
def test_any_exception_of_a_decoder_names_the_photo(monkeypatch, error, message):
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")

    def load(image):
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load, raising=False)
    with pytest.raises(InputError, match=message) as caught:
        decode_photo(content.getvalue(), "a.png")
    assert "\n" not in str(caught.value)


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


def test_a_path_may_be_a_string(tmp_path):
    Image.new("RGB", (4, 4), RED).save(tmp_path / "a.png")
    assert (read_photo(str(tmp_path / "a.png")) == RED).all()
