"""Tests for tf_sphereface.geometry."""

import cv2
import numpy as np
import pytest
from scipy.optimize import least_squares

from tf_sphereface.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    LANDMARK_TEMPLATE,
    align_face,
    similarity_transform,
)


def residual(matrix, source, target):
    return np.square(source @ matrix[:, :2].T + matrix[:, 2] - target).sum()


def fitted_by_search(source, target):
    """The best similarity by numerical search over a, b, tx, ty: no SVD."""

    def error(parameters):
        a, b, x, y = parameters
        matrix = np.array([[a, -b, x], [b, a, y]])
        return (source @ matrix[:, :2].T + matrix[:, 2] - target).ravel()

    a, b, x, y = least_squares(error, [1.0, 0.1, 0.0, 0.0], xtol=1e-15, ftol=1e-15).x
    return np.array([[a, -b, x], [b, a, y]])


@pytest.mark.parametrize("seed", range(6))
def test_similarity_matches_a_numerical_search(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(2, 5, 2)) * 20
    expected = fitted_by_search(source, target)
    np.testing.assert_allclose(
        similarity_transform(source, target), expected, atol=1e-5
    )


def test_exact_similarity_is_recovered():
    angle, scale, shift = 2.5, 0.31, (40.0, -7.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = np.column_stack([scale * turn, shift])
    source = LANDMARK_TEMPLATE * 3 + 11
    target = source @ expected[:, :2].T + expected[:, 2]
    np.testing.assert_allclose(
        similarity_transform(source, target), expected, atol=1e-9
    )


def test_mirrored_points_give_a_rotation_and_never_a_reflection():
    mirrored = LANDMARK_TEMPLATE * [-1, 1]
    matrix = similarity_transform(mirrored, LANDMARK_TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0
    best = fitted_by_search(mirrored, LANDMARK_TEMPLATE)
    assert residual(matrix, mirrored, LANDMARK_TEMPLATE) == pytest.approx(
        residual(best, mirrored, LANDMARK_TEMPLATE)
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((5, 2)), "distinct"),
        (np.full((5, 2), np.nan), "finite"),
        (np.zeros((4, 2)), r"\(points, 2\)"),
    ],
)
def test_unusable_points_are_named(source, message):
    with pytest.raises(ValueError, match=message):
        similarity_transform(source, LANDMARK_TEMPLATE)


def test_template_counts_pixels_from_zero():
    # The published template counts from one: its left eye is (30.2946, 51.6963).
    assert LANDMARK_TEMPLATE[0] == pytest.approx((29.2946, 50.6963))


@pytest.mark.parametrize("degrees", [0, 17, -40, 90])
def test_crop_has_the_landmarks_on_the_template(degrees):
    angle, scale = np.deg2rad(degrees), 2.3
    turn = scale * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    landmarks = (LANDMARK_TEMPLATE - LANDMARK_TEMPLATE.mean(axis=0)) @ turn.T + 200
    rows, columns = np.mgrid[:400, :400]
    for index, (x, y) in enumerate(landmarks):
        spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2)) * 255
        photo = np.repeat(spot.astype(np.uint8)[..., None], 3, axis=2)
        crop = align_face(photo, landmarks)[..., 0].astype(float)
        assert crop.shape == (CROP_HEIGHT, CROP_WIDTH)
        moments = cv2.moments(crop)
        found = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
        assert np.abs(found - LANDMARK_TEMPLATE[index]).max() < 0.1
