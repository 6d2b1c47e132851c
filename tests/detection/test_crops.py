"""Tests for tf_sphereface.detection.crops."""

import numpy as np
import pytest

from tf_sphereface.detection.crops import (
    Pyramid,
    normalize,
    pyramid_levels,
    square_crops,
)


def ramp(height, width):
    """A photo whose red is the column and whose green is the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, 0 * rows], axis=2).astype(np.uint8)


@pytest.mark.parametrize("smallest_face", [12, 20, 40, 60, 125])
@pytest.mark.parametrize("factor", [0.5, 0.709, 0.85])
def test_levels_cover_faces_from_the_smallest_to_the_photo(smallest_face, factor):
    levels = pyramid_levels(250, 300, 12, smallest_face, factor)
    heights = np.array([height for (height, _), _ in levels])
    assert heights[0] == int(250 * 12 / smallest_face)
    assert heights[-1] >= 12
    assert heights[-1] * factor < 13  # the next one would be too small
    largest_face = 12 * 250 / heights[-1]
    assert largest_face > 250 * factor - 20


def test_photo_smaller_than_a_face_has_no_level():
    assert pyramid_levels(19, 500, 12, 20, 0.709) == []
    assert pyramid_levels(20, 500, 12, 20, 0.709) == [((12, 300), (0.6, 0.6))]


def test_crop_begins_half_a_pixel_before_the_box():
    box = np.array([[20.0, 30, 43, 53]])  # steps of one pixel: 23 / (24 - 1)
    photo = ramp(60, 60) * 4
    crop = square_crops([photo], box, np.array([0]), 24)[0] * 128 + 127.5
    columns, rows = (np.arange(24) + 19.5) * 4, (np.arange(24) + 29.5) * 4
    assert np.abs(crop[5, :, 0] - columns).max() < 0.6  # 8-bit rounding
    assert np.abs(crop[:, 5, 1] - rows).max() < 0.6


def test_large_box_is_averaged_and_not_sampled():
    noise = np.random.default_rng(0).integers(0, 2, (480, 480, 1), np.uint8) * 255
    photo = np.repeat(noise, 3, axis=2)
    crop = square_crops([photo], np.array([[0.0, 0, 480, 480]]), np.array([0]), 24)
    assert crop[0, 2:-2, 2:-2].std() < 0.25  # the photo's own is 1


def test_outside_of_the_photo_is_grey():
    crop = square_crops([ramp(50, 50)], np.array([[-60.0, -60, -20, -20]]), [0], 24)
    assert np.abs(crop).max() < 0.01


def test_each_box_is_cut_from_its_own_photo():
    photos = [np.full((30, 40, 3), value, np.uint8) for value in (10, 200)]
    boxes = np.array([[5.0, 5, 25, 25]] * 3)
    crops = square_crops(photos, boxes, np.array([1, 0, 1]), 48)
    assert crops.shape == (3, 48, 48, 3)
    expected = [(value - 127.5) / 128 for value in (200, 10, 200)]
    np.testing.assert_allclose(crops[:, 24, 24, 0], expected)


@pytest.mark.parametrize("shape", [(256, 1, 3), (0, 24, 24, 3), (2, 8, 16, 3)])
def test_pixels_are_those_of_the_contract(shape):
    pixels = np.resize(np.arange(256, dtype=np.uint8), shape)
    expected = ((pixels - np.float32(127.5)) / np.float32(128)).astype(np.float32)
    actual = normalize(pixels)
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.float32


def test_levels_of_a_pyramid_are_means_of_the_photo():
    photo = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    pyramid = Pyramid(photo)
    for step in (2, 4, 8):
        means = photo.reshape(240 // step, step, 320 // step, step, 3).mean((1, 3))
        level = pyramid(240 // step, 320 // step)
        # Each halving rounds to whole numbers.
        assert np.abs(level * 128 + 127.5 - means).max() <= 1.5
    assert pyramid(13, 17).shape == (13, 17, 3)
