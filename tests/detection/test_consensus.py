"""Tests for tf_sphereface.detection.consensus."""

import cv2
import numpy as np
import pytest

from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection import (
    MTCNN,
    LiteRTNetworks,
    MTCNNSettings,
    cached_networks,
    nearest_to_centre,
)
from tf_sphereface.detection.consensus import agree_on_landmarks

SIDE, SWAPPED = 240, [1, 0, 2, 4, 3]
TRUTH = np.array([[90.0, 80], [130, 84], [112, 105], [92, 125], [126, 129]])
BOX = np.array([[50.0, 40, 170, 160]])


@pytest.fixture(scope="module")
def networks():
    return LiteRTNetworks(cached_networks())


@pytest.fixture(scope="module")
def rendered():
    rng = np.random.default_rng(1)
    return [
        render_photo(sample_identity(rng), sample_capture(rng, 20.0), SIDE)
        for _ in range(8)
    ]


def landmarks_of(networks, rule, photos):
    settings = MTCNNSettings(thresholds=(0.6, 0.7, 0.5), landmark_rule=rule)
    found = MTCNN(networks, settings).detect(photos)
    faces = [nearest_to_centre(faces, SIDE, SIDE) for faces in found]
    return np.array([face.landmarks for face in faces])


def turned(scale, degrees):
    return cv2.getRotationMatrix2D(((SIDE - 1) / 2,) * 2, degrees, scale)


MOVES = {
    "shifted": np.array([[1, 0, 7.3], [0, 1, -5.6]]),
    "smaller": turned(0.8, 0),
    "turned": turned(1, 15),
    "mirrored": np.array([[-1.0, 0, SIDE - 1], [0, 1, 0]]),
}


@pytest.mark.parametrize("name", MOVES)
def test_landmarks_move_with_the_photo(networks, rendered, name):
    photos, move = [photo.image for photo in rendered], MOVES[name]
    moved = [
        cv2.warpAffine(photo, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        for photo in photos
    ]
    errors = {}
    for rule in ("single", "consensus"):
        expected = landmarks_of(networks, rule, photos) @ move[:, :2].T + move[:, 2]
        if name == "mirrored":
            expected = expected[:, SWAPPED]
        away = np.linalg.norm(landmarks_of(networks, rule, moved) - expected, axis=2)
        errors[rule] = away.mean(axis=1)
    assert errors["consensus"].mean() < errors["single"].mean() / 2
    assert errors["consensus"].max() < 2  # pixels; the eyes are 40 apart


def test_rendered_landmarks_are_nearer_to_the_truth(networks, rendered):
    photos = [photo.image for photo in rendered]
    truth = np.array([photo.landmarks for photo in rendered])
    errors = {
        rule: np.linalg.norm(landmarks_of(networks, rule, photos) - truth, axis=2)
        for rule in ("single", "consensus")
    }
    assert errors["consensus"].mean() < 0.9 * errors["single"].mean()


@pytest.mark.parametrize(
    ("size", "degrees", "shift"), [(0.8, 0, 0), (1.25, 0, 3), (1, 20, -4)]
)
def test_slipped_landmarks_come_back(networks, rendered, size, degrees, shift):
    photo = rendered[0]
    centre = photo.landmarks.mean(axis=0)
    turn = cv2.getRotationMatrix2D((0, 0), degrees, size)[:, :2]
    starts = [photo.landmarks, (photo.landmarks - centre) @ turn.T + centre + shift]
    owners, boxes = np.zeros(2, int), np.array([[0.0, 0, SIDE, SIDE]] * 2)
    (straight, slipped), _ = agree_on_landmarks(
        networks.onet, [photo.image], owners, boxes, np.array(starts)
    )
    eyes = np.linalg.norm(photo.landmarks[0] - photo.landmarks[1])
    assert np.linalg.norm(straight - slipped, axis=1).mean() < 0.03 * eyes


def map_of_places():
    """A photo whose red is the column and whose green is the row."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.stack([columns, rows, 0 * rows], axis=2).astype(np.uint8)


def sees(truth, offset=(0.0, 0.0)):
    """An O-Net that reads places of the photo off `map_of_places`.

    Args:
        truth: Float (5, 2), x,y pixels of the photo.
        offset: x, y, pixels of the crop, by which it is always wrong.
    """

    def onet(crops):
        answers = []
        for crop in crops * 128 + 127.5:
            rows, columns = np.mgrid[:48, :48].reshape(2, -1)
            cells = np.stack([columns, rows, np.ones_like(rows)], axis=1)
            fit = np.linalg.lstsq(cells, crop.reshape(-1, 3)[:, :2], rcond=None)[0]
            mirrored = np.linalg.det(fit[:2]) < 0
            points = truth[SWAPPED] if mirrored else truth
            places = (points - fit[2]) @ np.linalg.inv(fit[:2]) + offset
            answers.append(((places + 0.5) / 48).T.ravel())
        return np.zeros((len(crops), 4)), np.array(answers), np.ones(len(crops))

    return onet


@pytest.mark.parametrize("degrees", [0, 25])
def test_answers_are_brought_back_into_the_photo(degrees):
    start = (TRUTH - 110) @ turned(0.9, degrees)[:, :2].T + 113
    landmarks, (confidence,) = agree_on_landmarks(
        sees(TRUTH), [map_of_places()], np.array([0]), BOX, start[None]
    )
    assert np.abs(landmarks[0] - TRUTH).max() < 0.1
    assert confidence > 0.99


def test_mirror_image_takes_away_what_is_wrong_to_one_side():
    """And the answers are as far apart as the confidence says."""
    landmarks, (confidence,) = agree_on_landmarks(
        sees(TRUTH, (1.9, 0)), [map_of_places()], np.array([0]), BOX, TRUTH[None]
    )
    assert np.abs(landmarks[0] - TRUTH).max() < 0.1
    assert confidence == pytest.approx(1 - 2 * 1.9 / 19, abs=0.01)


def test_each_face_is_seen_in_its_own_photo():
    photos = [map_of_places(), np.roll(map_of_places(), 20, axis=(0, 1))]
    owners, boxes = np.array([1, 0, 1]), np.repeat(BOX, 3, axis=0)
    landmarks, _ = agree_on_landmarks(
        sees(TRUTH), photos, owners, boxes, np.array([TRUTH] * 3)
    )
    expected = TRUTH + 20 * owners[:, None, None]
    assert np.abs(landmarks - expected).max() < 0.2


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e30, 900.0])
@pytest.mark.parametrize("calls", [0, 1])
def test_landmarks_that_leave_the_box_are_not_taken(wrong, calls):
    honest, seen = sees(TRUTH), []

    def onet(crops):
        seen.append(len(crops))
        offsets, landmarks, scores = honest(crops)
        if len(seen) == calls + 1:
            landmarks[[0, 2]] += wrong  # of the first face, plain and mirrored
        return offsets, landmarks, scores

    owners, boxes = np.zeros(2, int), np.repeat(BOX, 2, axis=0)
    landmarks, confidences = agree_on_landmarks(
        onet, [map_of_places()], owners, boxes, np.array([TRUTH + 1, TRUTH + 1])
    )
    np.testing.assert_array_equal(landmarks[0], TRUTH + 1)
    assert confidences[0] == 0
    assert np.abs(landmarks[1] - TRUTH).max() < 0.1
    assert confidences[1] > 0.99


@pytest.mark.parametrize("start", [np.full((5, 2), 110.0), np.full((5, 2), np.nan)])
def test_points_that_are_no_face_are_kept(start):
    landmarks, (confidence,) = agree_on_landmarks(
        sees(TRUTH), [map_of_places()], np.array([0]), BOX, start[None]
    )
    np.testing.assert_array_equal(landmarks[0], start)
    assert confidence == 0


def test_faces_say_how_sure_their_landmarks_are(networks, rendered):
    photos = [photo.image for photo in rendered[:2]]
    for rule in ("single", "consensus"):
        faces = MTCNN(networks, MTCNNSettings(landmark_rule=rule)).detect(photos)
        confidences = np.array([f.landmark_confidence for f in sum(faces, [])])
        if rule == "single":
            assert np.isnan(confidences).all()
        else:
            assert ((confidences > 0.8) & (confidences < 1)).all()
