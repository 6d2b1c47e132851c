"""Tests for tf_sphereface.deployment.detector_drift: faces and overlaps by hand."""

import numpy as np
import pytest

from tf_sphereface.bundle.records import DetectorDrift
from tf_sphereface.deployment.detector_drift import (
    DetectorLimits,
    detector_gate,
    measure_detector_drift,
)
from tf_sphereface.detection import Face

# The eyes are 4 pixels apart.
LANDMARKS = np.array([[2.0, 2], [6, 2], [4, 4], [3, 6], [5, 6]])


def face(*box, moved=(0.0, 0.0)):
    return Face(np.array(box, float), 0.99, LANDMARKS + moved)


def test_drift_of_hand_worked_faces():
    reference = [[face(0, 0, 10, 10)], [face(0, 0, 10, 10)], []]
    found = [
        [face(0, 0, 10, 8, moved=(0.3, 0.4))],  # 80 of 100; 0.5 of 4 pixels
        [face(6, 0, 16, 10, moved=(6, 0))],  # 40 of 160: another face
        [face(0, 0, 10, 10), face(20, 0, 30, 10)],
    ]
    drift = measure_detector_drift(reference, found)
    assert (drift.photos, drift.faces) == (3, 2)
    assert (drift.found, drift.extra) == (0.5, 1.5)
    assert drift.mean_iou == pytest.approx(0.8)
    assert drift.mean_landmark_shift == pytest.approx(0.125)
    assert drift.p99_landmark_shift == pytest.approx(0.125)


def test_shift_is_the_mean_of_the_five_landmarks():
    moved = np.array([[5.0, 0], [0, 0], [0, 0], [0, 0], [0, 0]])
    found = [[face(0, 0, 10, 10, moved=moved)]]
    drift = measure_detector_drift([[face(0, 0, 10, 10)]], found)
    assert drift.mean_landmark_shift == pytest.approx(5 / 5 / 4)


def test_overlap_of_a_half_is_the_same_face():
    reference = [[face(0, 0, 10, 10)]]
    assert measure_detector_drift(reference, [[face(0, 0, 10, 5)]]).found == 1
    assert measure_detector_drift(reference, [[face(0, 0, 10, 4.9)]]).found == 0


def test_two_boxes_on_one_face_are_one_face_and_one_extra():
    two = [face(0, 0, 10, 9), face(0, 0, 10, 10)]
    drift = measure_detector_drift([[face(0, 0, 10, 10)]], [two])
    assert (drift.found, drift.extra, drift.mean_iou) == (1, 1, 1)


def test_best_overlap_is_paired_first():
    # The first box overlaps both found ones by more than a half, 0.9 and 0.8 of it; it
    # must leave the second found one to the second box.
    reference = [[face(0, 0, 10, 10), face(0, 0, 10, 7)]]
    found = [[face(0, 0, 10, 8), face(0, 0, 10, 9)]]
    drift = measure_detector_drift(reference, found)
    assert drift.found == 1
    assert drift.mean_iou == pytest.approx((9 / 10 + 7 / 8) / 2)


def test_percentile_is_over_faces():
    photos = [[face(0, 0, 10, 10)] for _ in range(101)]
    moved = [[face(0, 0, 10, 10, moved=(4.0 * step, 0))] for step in range(101)]
    drift = measure_detector_drift(photos, moved)
    assert drift.mean_landmark_shift == pytest.approx(50)
    assert drift.p99_landmark_shift == pytest.approx(99)


def test_nothing_in_common_is_no_small_shift():
    drift = measure_detector_drift([[face(0, 0, 10, 10)]], [[]])
    assert (drift.found, drift.extra, drift.mean_iou) == (0, 0, 0)
    assert drift.mean_landmark_shift == drift.p99_landmark_shift == 1
    assert not detector_gate(drift, DetectorLimits()).passed


def test_landmarks_on_one_point_have_a_finite_shift():
    one = Face(np.array([0.0, 0, 10, 10]), 0.99, np.zeros((5, 2)))
    assert measure_detector_drift([[one]], [[one]]).mean_landmark_shift == 0


@pytest.mark.parametrize(
    ("reference", "found"),
    [([[]], [[]]), ([], []), ([[face(0, 0, 9, 9)]], [[face(0, 0, 9, 9)], []])],
)
def test_photos_without_a_face_or_partner_are_refused(reference, found):
    with pytest.raises(ValueError, match="`reference` and `found` must"):
        measure_detector_drift(reference, found)


AT_THE_LIMITS = {
    "found": 0.9,
    "extra": 0.1,
    "mean_landmark_shift": 0.02,
    "p99_landmark_shift": 0.2,
}


def judge(**changed):
    values = {**AT_THE_LIMITS, **changed}
    drift = DetectorDrift(photos=50, faces=60, mean_iou=0.9, **values)
    return detector_gate(drift, DetectorLimits(0.9, 0.1, 0.02, 0.2))


def test_limits_themselves_pass():
    assert judge().passed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"found": 0.89}, "finds 0.8900 of the 60 faces, the limit is 0.9"),
        ({"extra": 0.11}, "extra faces 0.1100, the limit is 0.1"),
        ({"mean_landmark_shift": 0.021}, "mean landmark shift 0.0210, the limit is"),
        ({"p99_landmark_shift": 0.21}, "99% landmark shift 0.2100, the limit is 0.2"),
    ],
)
def test_each_limit_is_held(changed, message):
    gate = judge(**changed)
    assert not gate.passed
    assert len(gate.failures) == 1
    assert message in gate.failures[0]


def test_all_that_fails_is_said():
    changed = {"found": 0.0, "extra": 9.0}
    assert len(judge(**changed).failures) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_found", 1.1), ("min_found", -0.1), ("max_extra", -1.0)]
    + [("max_landmark_shift", float("nan")), ("max_p99_landmark_shift", -0.1)],
)
def test_bad_limits_are_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value!r}"):
        DetectorLimits(**{name: value})
