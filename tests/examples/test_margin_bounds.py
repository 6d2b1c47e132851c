"""Tests for examples.margin_bounds, against the paper's closed forms."""

import math

import numpy as np
import pytest

import margin_bounds


@pytest.mark.parametrize("margin", [3.0, 3.7, 4.0, 6.0])
@pytest.mark.parametrize("degrees", [10, 60, 119])
def test_two_classes_have_the_regions_of_the_paper(margin, degrees):
    angle = math.radians(degrees)  # below (m - 1) pi / m for every margin here
    intra, inter = margin_bounds.class_angles(margin, [0.0, angle])
    assert intra == pytest.approx(angle / (margin - 1) + angle / (margin + 1), rel=1e-6)
    assert inter == pytest.approx((margin - 1) / (margin + 1) * angle, rel=1e-6)


def test_opposite_weights_share_the_circle():
    intra, inter = margin_bounds.class_angles(4.0, [0.0, math.pi])
    assert intra == pytest.approx(2 * math.pi / 5)
    assert inter == pytest.approx(3 * math.pi / 5)


def test_a_turn_of_all_weights_changes_nothing():
    weights = np.radians([0.0, 50.0, 170.0])
    expected = margin_bounds.class_angles(3.5, weights)
    for turn in (1.0, -2.5, 7.0):
        actual = margin_bounds.class_angles(3.5, weights + turn)
        assert actual == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_both_bounds_of_the_paper_are_found():
    bounds = margin_bounds.paper_bounds()
    assert bounds[0].found == pytest.approx(2 + math.sqrt(3), abs=1e-4)
    assert len(bounds) == 4
    for bound in bounds[1:]:
        assert bound.found == pytest.approx(3, abs=1e-4)
    for bound in bounds:
        assert bound.found == pytest.approx(bound.paper, abs=1e-4)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_psi_falls_from_1_to_1_minus_2m(margin):
    theta = np.linspace(0, np.pi, 1001)
    values = margin_bounds.psi(theta[:-1], margin)
    assert values[0] == 1 and (np.diff(values) < 0).all()
    assert values[-1] == pytest.approx(1 - 2 * margin, abs=1e-3)
