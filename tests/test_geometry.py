"""Tests for tf_sphereface.geometry."""

import cv2
import numpy as np
import pytest
from scipy.optimize import least_squares

from tf_sphereface.geometry import (
    CROP_HEIGHT,
    CROP_WIDTH,
    LANDMARK_TEMPLATE,
    CropGeometry,
    align_face,
    crop_transform,
    landmark_template,
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


def fitted_as_cp2tform(landmarks, template):
    """MATLAB's `cp2tform(landmarks, template, 'nonreflective similarity')`.

    One linear system from the template to the photo, solved by least squares; its
    result is inverted as a 3 x 3 matrix.
    """
    (x, y), zeros, ones = template.T, np.zeros(5), np.ones(5)
    system = np.block([[x, y], [y, -x], [ones, zeros], [zeros, ones]]).T
    a, b, *shift = np.linalg.lstsq(system, landmarks.T.ravel(), rcond=None)[0]
    forward = np.array([[a, b, shift[0]], [-b, a, shift[1]], [0, 0, 1]])
    return np.linalg.inv(forward)[:2]


@pytest.mark.parametrize("size", [(112, 96), (112, 112), (160, 137)])
@pytest.mark.parametrize("seed", range(3))
def test_fit_in_the_photo_is_cp2tforms(seed, size):
    crop, rng = CropGeometry(*size, fit="photo"), np.random.default_rng(seed)
    template, turn = np.array(crop.template), np.exp(1j * rng.normal())
    turned = np.array([[turn.real, turn.imag], [-turn.imag, turn.real]])
    landmarks = 3.0 * template @ turned + rng.normal(size=(5, 2)) * 15 + 100
    found = crop_transform(landmarks, crop)
    expected = fitted_as_cp2tform(landmarks, template)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    inverse = np.linalg.inv(np.vstack([found, [0, 0, 1]]))[:2]
    searched = fitted_by_search(template, landmarks)
    np.testing.assert_allclose(inverse, searched, rtol=1e-4, atol=1e-4)
    # Another similarity than that of the least squares in the crop.
    ours = crop_transform(landmarks, CropGeometry(*size))
    np.testing.assert_array_equal(ours, similarity_transform(landmarks, template))
    assert np.linalg.det(found[:, :2]) > 1.001 * np.linalg.det(ours[:, :2])


def test_fits_agree_on_landmarks_that_lie_on_the_template():
    landmarks = 2.5 * LANDMARK_TEMPLATE + (31.0, 17.0)
    matrices = [
        crop_transform(landmarks, CropGeometry(fit=f)) for f in ("crop", "photo")
    ]
    np.testing.assert_allclose(*matrices, rtol=1e-12, atol=1e-9)


# A square and its middle; mirrored, no rotation is nearer to it than another.
SQUARE = [[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]


@pytest.mark.parametrize("points", [[[5, 5]] * 5, SQUARE])
def test_a_fit_in_the_photo_of_no_face_is_named(points):
    points = np.array(points, float)
    crop = CropGeometry(template=np.array(SQUARE) * (1, -1) + 9.0, fit="photo")
    with pytest.raises(ValueError, match="distinct points"):
        crop_transform(points, crop)


def test_the_fit_is_a_value_of_the_crop():
    photo = CropGeometry(fit="photo")
    assert photo != CropGeometry() and str(photo) == "112 x 96, fitted in the photo"
    with pytest.raises(ValueError, match="`fit` must be one of .* fit='matlab'"):
        CropGeometry(fit="matlab")


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


# The five points in insightface's face_align.py, which it takes as counted from 0.
INSIGHTFACE = np.float64(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
    + [[41.5493, 92.3655], [70.7299, 92.2041]]
)


def test_templates_of_the_two_published_sizes():
    np.testing.assert_array_equal(landmark_template(112, 96), LANDMARK_TEMPLATE)
    square = landmark_template(112, 112)
    np.testing.assert_allclose(square, INSIGHTFACE, rtol=0, atol=1e-12)
    np.testing.assert_allclose(square, LANDMARK_TEMPLATE + (9, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", [56, 160, 220, 224])
def test_other_squares_show_the_same_part_of_the_face(side):
    # As fractions of the crop, from edge to edge, the landmarks are where they were.
    fractions = (landmark_template(side, side) + 0.5) / side
    np.testing.assert_allclose(fractions, (INSIGHTFACE + 0.5) / 112, rtol=1e-12)


@pytest.mark.parametrize(
    ("side", "scale", "shift"),
    [(112, 1, 0), (224, 2, 0), (336, 3, 0), (128, 1, 8), (256, 2, 16), (896, 8, 0)],
)
def test_norm_crop_is_insightfaces_rule(side, scale, shift):
    # A multiple of 112 scales the points; one of 128 those of a wider 112.
    expected = INSIGHTFACE * scale + (shift, 0)
    found = landmark_template(side, side, "norm_crop")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_norm_crop_is_apart_from_ours_as_the_documents_say():
    apart = {
        side: np.abs(
            landmark_template(side, side) - landmark_template(side, side, "norm_crop")
        ).max()
        for side in (112, 128, 224, 256)
    }
    assert apart[112] == 0 and apart[224] == pytest.approx(0.5)
    assert apart[128] == pytest.approx(13.27, abs=0.01)
    assert apart[256] == pytest.approx(27.03, abs=0.01)


@pytest.mark.parametrize("size", [(112, 96), (160, 160), (256, 112)])
def test_norm_crop_of_other_sizes_is_refused(size):
    with pytest.raises(ValueError, match="a multiple of 112 or 128 only. .*height="):
        landmark_template(*size, "norm_crop")
    with pytest.raises(ValueError, match="`rule` must be one of .* rule='x'"):
        landmark_template(*size, "x")


@pytest.mark.parametrize(("height", "width"), [(112, 128), (56, 48), (224, 180)])
def test_other_sizes_scale_with_the_height_and_are_centred(height, width):
    found, scale = landmark_template(height, width), height / 112
    ours = LANDMARK_TEMPLATE + 0.5 - (48, 56)  # from the middle of the crop
    expected = scale * ours + (width / 2, height / 2) - 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_crop_of_half_the_side_has_the_means_of_four_pixels():
    rng = np.random.default_rng(4)
    coarse = rng.integers(60, 200, (20, 20, 3), np.uint8)
    photo = cv2.resize(coarse, (400, 400), interpolation=cv2.INTER_CUBIC)
    landmarks = landmark_template(224, 224) + 30.0
    large = align_face(photo, landmarks, CropGeometry(224, 224))
    small = align_face(photo, landmarks, CropGeometry(112, 112)).astype(float)
    means = large.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - means)[1:-1, 1:-1].max() <= 1.0


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((0, 96), "integers from 1 to 1024. Received: height=0, width=96"),
        ((112, 1025), "Received: height=112, width=1025"),
        ((112.0, 96), "Received: height=112.0"),
        ((True, 96), "Received: height=True"),
        ((112, 36), "room for the face. Received: height=112, width=36"),
    ],
)
def test_sizes_without_crops_are_named(size, message):
    for make in (landmark_template, CropGeometry):
        with pytest.raises(ValueError, match=message):
            make(*size)


def test_crop_geometry_is_a_value():
    crop = CropGeometry(160, 160)
    assert crop == CropGeometry(160, 160, landmark_template(160, 160).tolist())
    assert len({crop, CropGeometry(160, 160), CropGeometry()}) == 2
    assert CropGeometry(160, 160, LANDMARK_TEMPLATE) != crop
    for template in ([[1, 2]] * 4, [[1, float("nan")]] * 5):
        with pytest.raises(ValueError, match="`template` must be five finite"):
            CropGeometry(160, 160, template)


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
