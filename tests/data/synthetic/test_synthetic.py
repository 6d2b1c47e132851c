"""Tests for tf_sphereface.data.synthetic: single photos and their landmarks."""

import colorsys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)

TEMPLATE = np.array(  # x, y pixels of the 112 x 96 crop, 0-based
    [
        [29.2946, 50.6963],
        [64.5318, 50.5014],
        [47.0252, 70.7366],
        [32.5493, 91.3655],
        [61.7299, 91.2041],
    ]
)


def person(k):
    return sample_identity(np.random.default_rng([1, k]))


def plain_capture(**changes):
    """A frontal photo in soft white light, without noise, blur, glasses or gaze."""
    capture = sample_capture(np.random.default_rng(0))
    plain = {
        "yaw": 0.0,
        "pitch": 0.0,
        "roll": 0.0,
        "light_azimuth": 10.0,
        "light_elevation": 30.0,
        "light_strength": 0.6,
        "ambient": 0.4,
        "light_colour": (1.0, 1.0, 1.0),
        "eye_closure": 0.0,
        "gaze": (0.0, 0.0),
        "glasses": "none",
        "exposure": 1.0,
        "gamma": 1.0,
        "blur": 0.0,
        "noise": 0.0,
    }
    return replace(capture, **(plain | changes))


def sample_photos(identities, images, max_yaw=30.0):
    for k in range(identities):
        identity = person(k)
        for j in range(images):
            capture = sample_capture(np.random.default_rng([2, k, j]), max_yaw)
            yield k, render_photo(identity, capture)


def aligned(photo):
    """Crop by the least-squares similarity, solved as a linear system."""
    x, y = photo.landmarks.T
    zero, one = np.zeros(5), np.ones(5)
    system = np.concatenate(
        [np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)]
    )
    a, b, shift_x, shift_y = np.linalg.lstsq(system, TEMPLATE.T.ravel(), rcond=None)[0]
    matrix = np.array([[a, -b, shift_x], [b, a, shift_y]])
    return cv2.warpAffine(photo.image, matrix, (96, 112))


def equal_error_rate(scores, genuine):
    thresholds = np.quantile(scores, np.linspace(0, 1, 401))
    frr = np.array([(scores[genuine] < t).mean() for t in thresholds])
    far = np.array([(scores[~genuine] >= t).mean() for t in thresholds])
    best = np.argmin(np.abs(frr - far))
    return (frr[best] + far[best]) / 2


def test_photo_has_the_documented_form():
    photo = render_photo(person(0), plain_capture(yaw=5.0, pitch=-3.0, roll=2.0))
    assert photo.image.shape == (250, 250, 3) and photo.image.dtype == np.uint8
    assert photo.landmarks.shape == (5, 2) and photo.landmarks.dtype == np.float64
    assert (photo.yaw, photo.pitch, photo.roll) == (5.0, -3.0, 2.0)


def test_size_scales_the_landmarks():
    small, large = (render_photo(person(0), plain_capture(), n) for n in (125, 250))
    assert small.image.shape == (125, 125, 3)
    centred = (small.landmarks + 0.5) * 2 - 0.5
    np.testing.assert_allclose(centred, large.landmarks, atol=1e-6)


def test_rendering_twice_gives_the_same_pixels():
    capture = sample_capture(np.random.default_rng(4))
    first, second = (render_photo(person(3), capture).image for _ in range(2))
    assert np.array_equal(first, second)


def test_landmarks_are_inside_ordered_and_at_the_size_of_lfw():
    for _, photo in sample_photos(20, 2):
        left, right, nose, mouth_left, mouth_right = photo.landmarks
        assert (photo.landmarks > 20).all() and (photo.landmarks < 230).all()
        assert left[0] < right[0] and mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < max(mouth_left[1], mouth_right[1])
        assert 30 < np.linalg.norm(right - left) < 65


@pytest.mark.parametrize("yaw", [-25.0, -10.0, 10.0, 25.0])
def test_positive_yaw_moves_the_nose_to_the_right(yaw):
    def nose_offset(angle):
        marks = render_photo(person(5), plain_capture(yaw=angle)).landmarks
        return (marks[2] - marks[:2].mean(axis=0))[0]

    assert np.sign(nose_offset(yaw)) == np.sign(yaw)
    assert abs(nose_offset(0.0)) < 0.5 < abs(nose_offset(yaw))


def test_positive_roll_is_clockwise_and_positive_pitch_lowers_the_nose():
    def marks(**pose):
        return render_photo(person(5), plain_capture(**pose)).landmarks

    level, leaning, nodding = marks(), marks(roll=12.0), marks(pitch=10.0)
    slope = np.subtract(*leaning[1::-1])
    assert np.degrees(np.arctan2(slope[1], slope[0])) == pytest.approx(12.0, abs=0.2)

    def drop(points):  # of the nose below the eyes, relative to the mouth
        return (points[2] - points[0])[1] / (points[3] - points[0])[1]

    assert drop(nodding) > drop(level) + 0.02


@pytest.mark.parametrize("yaw", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("k", [2, 6, 9])
def test_eye_landmark_is_on_the_drawn_iris(yaw, k):
    photo = render_photo(person(k), plain_capture(yaw=yaw), 500)
    grey = photo.image.astype(float).mean(axis=2)
    for x, y in np.rint(photo.landmarks[:2]).astype(int):
        pupil = grey[y : y + 3, x - 1 : x + 2].mean()  # the glint is above
        assert pupil < 0.6 * np.median(grey[y - 25 : y + 26, x - 25 : x + 26])


def test_skin_and_hair_have_human_colours():
    for k in range(300):
        identity = person(k)
        red, green, blue = identity.skin_colour
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        assert 8 < 360 * hue < 36 and 0.1 < saturation < 0.65 and 60 < value <= 255
        for colour in (identity.hair_colour, identity.brow_colour):
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            assert saturation < 0.25 or 8 < 360 * hue < 40
            assert saturation < 0.85 and value < 200


def test_rendered_cheek_has_the_colour_of_the_skin():
    for k in range(20):
        photo = render_photo(replace(person(k), facial_hair="none"), plain_capture())
        x, y = np.rint(photo.landmarks[[0, 3]].mean(axis=0)).astype(int)
        red, green, blue = np.median(
            photo.image[y - 6 : y + 7, x - 6 : x + 7].reshape(-1, 3), axis=0
        )
        assert red > green > blue


def test_people_differ_in_geometry_and_not_only_in_colour():
    marks = [render_photo(person(k), plain_capture()).landmarks for k in range(20)]
    eyes = np.array([np.linalg.norm(m[1] - m[0]) for m in marks])
    mouths = np.array([np.linalg.norm(m[4] - m[3]) for m in marks])
    drops = np.array([m[2, 1] - m[0, 1] for m in marks])
    for ratio in (mouths / eyes, drops / eyes):
        assert ratio.std() / ratio.mean() > 0.04


def test_mtcnn_finds_the_faces_where_the_landmarks_say():
    """Error: mean of five distances over the photo's own eye distance."""
    mtcnn = pytest.importorskip("mtcnn")
    photos = [photo for _, photo in sample_photos(10, 2, max_yaw=25.0)]
    detector, errors = mtcnn.MTCNN(), []
    order = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    for start in range(0, len(photos), 16):
        batch = photos[start : start + 16]
        results = detector.detect_faces([photo.image for photo in batch])
        for photo, faces in zip(batch, results, strict=True):
            points = [[face["keypoints"][name] for name in order] for face in faces]
            if points:
                gaps = np.linalg.norm(np.array(points) - photo.landmarks, axis=2)
                eyes = np.linalg.norm(photo.landmarks[1] - photo.landmarks[0])
                errors.append(gaps.mean(axis=1).min() / eyes)
    assert len(errors) >= len(photos) - 1
    assert np.mean(errors) < 0.06


@pytest.mark.slow
def test_raw_pixels_do_not_tell_people_apart():
    labels, photos = zip(*sample_photos(40, 4), strict=True)
    crops = np.stack([aligned(photo) for photo in photos]).astype(np.float32)
    vectors = ((crops - 127.5) / 128).reshape(len(crops), -1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = np.triu_indices(len(vectors), 1)
    genuine = np.array(labels)[first] == np.array(labels)[second]
    eer = equal_error_rate((vectors @ vectors.T)[first, second], genuine)
    assert 0.25 <= eer < 0.5


def test_bad_size_and_bad_yaw_are_named():
    with pytest.raises(ValueError, match="`size` must be .* size=10"):
        render_photo(person(0), plain_capture(), 10)
    with pytest.raises(ValueError, match="`max_yaw` must be .* max_yaw=-1"):
        sample_capture(np.random.default_rng(0), -1)


def test_max_yaw_bounds_the_yaw():
    rng = np.random.default_rng(0)
    yaws = np.array([sample_capture(rng, 12.0).yaw for _ in range(200)])
    assert np.abs(yaws).max() <= 12 and yaws.min() < -6 and yaws.max() > 6
