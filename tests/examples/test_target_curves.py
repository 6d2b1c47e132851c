"""Tests for examples.target_curves: each line is its paper's formula."""

import numpy as np
import pytest

import target_curves
from tf_sphereface import heads

THETA = np.linspace(0.0, np.pi, 37)
COS = np.cos(THETA)


def arc(margin):
    beyond = THETA + margin > np.pi
    return np.where(beyond, COS - margin * np.sin(margin), np.cos(THETA + margin))


def psi(margin):
    k = np.minimum(np.floor(margin * THETA / np.pi), margin - 1)
    return (-1.0) ** k * np.cos(margin * THETA) - 2 * k


def sphereface2(margin):
    return 2 * ((COS + 1) / 2) ** 3 - 1 + margin


EXPECTED = {
    "m = 1, softmax, COCO": COS,
    "A- and L-Softmax, m = 2": psi(2),
    "A- and L-Softmax, m = 3": psi(3),
    "A- and L-Softmax, m = 4": psi(4),
    "m = 4 with λ = 5": (psi(4) + 5 * COS) / 6,
    "no margin": COS,
    "CosFace": COS - 0.35,
    "ArcFace, CurricularFace": arc(0.5),
    "SphereFace-R v1": np.cos(np.minimum(1.5 * THETA, np.pi)),
    "SphereFace-R v2, others": np.cos(THETA / 1.5),
    "SphereFace2": sphereface2(-0.4),
    "SphereFace2, others": sphereface2(0.4),
    "AdaFace, low norm": np.cos(np.minimum(THETA + 0.4, np.pi - 1e-3)),
    "AdaFace, mean norm": COS - 0.4,
    "AdaFace, high norm": np.cos(np.maximum(THETA - 0.4, 1e-3)) - 0.8,
    "MagFace, low norm": arc(0.45),
    "MagFace, high norm": arc(0.8),
}


@pytest.fixture(scope="module")
def curves():
    return (
        target_curves.multiplicative_curves(THETA)
        + target_curves.fixed_curves(THETA)
        + target_curves.quality_curves(THETA)
    )


def test_every_line_is_its_papers_formula(curves):
    assert {curve.label for curve in curves} == set(EXPECTED)
    for curve in curves:
        np.testing.assert_allclose(
            curve.values, EXPECTED[curve.label], atol=2e-3, err_msg=curve.label
        )


def test_lines_of_the_other_classes_are_marked(curves):
    for curve in curves:
        assert curve.other == ("others" in curve.label)


def test_hard_negatives_weigh_more_as_training_goes_on():
    early, late = (
        target_curves.hard_negative_curve(THETA, hardness).values[:-1]
        for hardness in (0.1, 0.8)
    )
    np.testing.assert_allclose(early, COS[:-1] * (0.1 + COS[:-1]), atol=1e-6)
    np.testing.assert_allclose(late, COS[:-1] * (0.8 + COS[:-1]), atol=1e-6)


def test_no_head_of_the_library_is_left_out(curves):
    text = " ".join(curve.label for curve in curves)
    names = {
        heads.AMSoftmaxLayer: "CosFace",
        heads.ASoftmaxLayer: "A- and L-Softmax",
        heads.AdaFaceLayer: "AdaFace",
        heads.ArcFaceLayer: "ArcFace",
        heads.COCOLayer: "COCO",
        heads.CurricularFaceLayer: "CurricularFace",
        heads.LSoftmaxLayer: "A- and L-Softmax",
        heads.MagFaceLayer: "MagFace",
        heads.NormalizedSoftmaxLayer: "softmax",
        heads.SoftmaxLayer: "softmax",
        heads.SphereFace2Layer: "SphereFace2",
        heads.SphereFaceRLayer: "SphereFace-R",
    }
    public = {getattr(heads, name) for name in heads.__all__ if "Layer" in name}
    assert set(names) <= public
    assert all(name in text for name in names.values())
