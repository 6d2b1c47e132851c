"""Tests for tf_sphereface.data.audit.measures."""

import math

import numpy as np
import pytest

from tf_sphereface.data.aligned.manifest import KEPT, ManifestRow
from tf_sphereface.data.audit.measures import measure_crops
from tf_sphereface.geometry import (
    LANDMARK_TEMPLATE,
    CropGeometry,
    crop_transform,
    fit_similarities,
    similarity_transform,
)


def measure(landmarks, box=(0.0, 0.0, 30.0, 40.0)):
    row = ManifestRow(
        "A/1.jpg",
        "A",
        KEPT,
        crop="A/1.jpg",
        box=box,
        landmarks=tuple(landmarks.ravel()),
    )
    return measure_crops([row], LANDMARK_TEMPLATE)


@pytest.mark.parametrize("fit", ["crop", "photo"])
def test_fit_is_that_of_the_warp(fit):
    rng = np.random.default_rng(0)
    landmarks = 60 * rng.normal(size=(50, 5, 2)) + 100
    landmarks[:25] = LANDMARK_TEMPLATE * 2 + 3 * rng.normal(size=(25, 5, 2))
    turns, warped = fit_similarities(landmarks, LANDMARK_TEMPLATE, fit)
    for points, turn, landed in zip(landmarks, turns, warped, strict=True):
        matrix = crop_transform(points, CropGeometry(fit=fit))
        np.testing.assert_allclose(
            [turn.real, turn.imag], matrix[:, 0], rtol=1e-9, atol=1e-9
        )
        expected = points @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(landed, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("degrees", [-170, -30, 0, 45, 120])
def test_roll_is_clockwise_in_the_photo(degrees):
    # y points down: the eye on the right sinks when the head turns clockwise.
    angle = math.radians(degrees)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    landmarks = 0.5 * LANDMARK_TEMPLATE @ turn.T + 70
    crops = measure(landmarks)
    assert crops.rolls[0] == pytest.approx(degrees, abs=1e-9)
    assert crops.scales[0] == pytest.approx(2.0)
    assert crops.misfits[0] == pytest.approx(0.0, abs=1e-9)
    if 0 < degrees < 90:
        assert landmarks[1, 1] > landmarks[0, 1]


def test_misfit_is_the_root_mean_square_distance():
    moved = LANDMARK_TEMPLATE.copy()
    moved[2] += (6.0, 0.0)
    crops = measure(moved)
    matrix = similarity_transform(moved, LANDMARK_TEMPLATE)
    landed = moved @ matrix[:, :2].T + matrix[:, 2]
    squares = ((landed - LANDMARK_TEMPLATE) ** 2).sum(axis=1)
    assert crops.misfits[0] == pytest.approx(math.sqrt(squares.sum() / 5), rel=1e-6)
    assert crops.misfits[0] < 6 / math.sqrt(5)  # the fit is better than no fit


def test_side_is_the_longer_one():
    assert measure(LANDMARK_TEMPLATE).sides.tolist() == [40.0]
    assert measure(LANDMARK_TEMPLATE, (5.0, 5.0, 95.0, 45.0)).sides.tolist() == [90.0]


def test_no_crop_has_empty_measures():
    crops = measure_crops([], LANDMARK_TEMPLATE)
    assert crops.names == ()
    assert crops.warped.shape == (0, 5, 2)
    assert crops.misfits.shape == crops.sides.shape == (0,)
