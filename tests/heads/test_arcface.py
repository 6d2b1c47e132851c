"""Tests for tf_sphereface.heads.arcface."""

import math

import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface.heads import ArcFaceLayer


def target(theta, margin):
    """The paper's target cosine, with the reference code's rule beyond pi."""
    if theta + margin > math.pi:
        return math.cos(theta) - margin * math.sin(margin)
    return math.cos(theta + margin)


def oracle(embeddings, kernel, labels, margin, scale, sub_centers=1):
    logits = np.empty((len(embeddings), kernel.shape[1] // sub_centers))
    for row, embedding in enumerate(embeddings):
        for column in range(logits.shape[1]):
            weights = kernel[:, column * sub_centers : (column + 1) * sub_centers]
            cos = max(
                embedding @ weight / np.linalg.norm(embedding) / np.linalg.norm(weight)
                for weight in weights.T
            )
            if column == labels[row]:
                cos = target(math.acos(cos), margin)
            logits[row, column] = scale * cos
    return logits


@pytest.mark.parametrize("sub_centers", [1, 3])
@pytest.mark.parametrize("scale", [4.0, 16.0])
def test_logits_and_gradients_match_the_paper(
    check_oracle, batch, place, scale, sub_centers
):
    embeddings, labels = batch
    head = ArcFaceLayer(5, 0.5, scale, sub_centers=sub_centers, dtype="float64")
    # pi - 0.5 is 151.4 degrees: targets on both sides of it
    place(head, embeddings, labels, [10, 80, 120, 140, 155, 178])
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 0.5, scale, sub_centers),
    )


@pytest.mark.parametrize("sub_centers", [1, 3])
def test_detached_margin_is_a_constant_for_the_gradient(
    check_oracle, batch, place, sub_centers
):
    embeddings, labels = batch
    head = ArcFaceLayer(5, 0.5, 8.0, sub_centers, detach_margin=True, dtype="float64")
    kernel = place(head, embeddings, labels, [10, 80, 120, 140, 155, 178])
    frozen = oracle(embeddings, kernel, labels, 0.5, 8.0, sub_centers)
    frozen -= oracle(embeddings, kernel, labels, 0.0, 8.0, sub_centers)
    assert np.abs(frozen).max() > 1
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, k: oracle(x, k, labels, 0.0, 8.0, sub_centers) + frozen,
    )


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5, 1.0, math.pi / 2])
def test_target_logit_falls_over_the_whole_range(margin):
    theta = np.linspace(0.001, np.pi - 0.001, 998)
    head = ArcFaceLayer(5, margin=margin, dtype="float64")
    actual = head.target_logit(ops.convert_to_tensor(np.cos(theta)))
    actual = ops.convert_to_numpy(actual)
    expected = [target(angle, margin) for angle in theta]
    np.testing.assert_allclose(actual, expected, atol=1e-9)
    assert (np.diff(actual) < 0).all()


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.0000001])
def test_gradient_at_theta_0_and_pi_is_finite(cosine):
    head = ArcFaceLayer(5)
    value, (slope,) = gradients(
        lambda cos: ops.sum(head.target_logit(cos)), [np.array([cosine], np.float32)]
    )
    assert np.isfinite(value) and np.isfinite(slope).all()


def test_defaults_are_the_papers():
    head = ArcFaceLayer(5)
    assert (head.margin, head.scale, head.sub_centers) == (0.5, 64.0, 1)
    assert head.detach_margin is False


def test_config_round_trip_keeps_every_argument():
    head = ArcFaceLayer(5, margin=0.2, scale=16.0, sub_centers=3, detach_margin=True)
    copy = ArcFaceLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 0.2, 16.0)
    assert (copy.sub_centers, copy.detach_margin) == (3, True)


@pytest.mark.parametrize("margin", [-0.1, 1.6, float("nan")])
def test_bad_margin_is_named_in_the_error(margin):
    with pytest.raises(ValueError, match="`margin` must be in .* Received: margin="):
        ArcFaceLayer(5, margin=margin)
