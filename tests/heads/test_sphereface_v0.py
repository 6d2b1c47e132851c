"""Tests for tf_sphereface.heads.sphereface_v0."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import ASoftmaxLayer, SphereFaceV0Layer

DEGREES = [10, 50, 80, 110, 130, 170]  # 1.5 * 130 and 1.5 * 170 are beyond pi


def oracle(embeddings, kernel, labels, margin, scale):
    """The formula of OpenSphere's source, one number at a time."""
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        norm = np.linalg.norm(embedding)
        for column, weight in enumerate(kernel.T):
            theta = math.acos(embedding @ weight / norm / np.linalg.norm(weight))
            if column == labels[row]:
                theta = margin * theta
            k = math.floor(theta / math.pi)
            psi = (-1) ** k * math.cos(theta) - 2 * k
            logits[row, column] = (scale or norm) * psi
    return logits


@pytest.mark.parametrize("margin", [1.5, 3.7])
@pytest.mark.parametrize("scale", [None, 8.0])
def test_values_have_the_margin_and_gradients_are_those_of_cosines(
    check_oracle, batch, place, margin, scale
):
    embeddings, labels = batch
    head = SphereFaceV0Layer(5, margin, scale, dtype="float64")
    kernel = place(head, embeddings, labels, DEGREES)

    def cosines(x, k):
        return oracle(x, k, labels, 1.0, None) / np.linalg.norm(
            x, axis=1, keepdims=True
        )

    lengths = scale or np.linalg.norm(embeddings, axis=1, keepdims=True)
    moved = (oracle(embeddings, kernel, labels, margin, scale)) / lengths
    moved -= cosines(embeddings, kernel)
    assert np.abs(moved).max() > 0.5

    def logits(x, k):
        norm = scale or np.linalg.norm(x, axis=1, keepdims=True)
        return norm * (cosines(x, k) + moved)

    check_oracle(head, embeddings, labels, logits=logits)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_a_whole_margin_gives_the_psi_of_a_softmax(margin):
    # Away from 0 and pi, where `angle` is cut off.
    theta = np.linspace(0.001, np.pi - 0.001, 777)
    cosines = ops.convert_to_tensor(np.cos(theta))
    ours = SphereFaceV0Layer(5, margin, dtype="float64").target_logit(cosines)
    theirs = ASoftmaxLayer(5, margin, None, dtype="float64").target_logit(cosines)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs), atol=1e-10
    )


@pytest.mark.parametrize("margin", [1.5, 2.5])
def test_the_target_falls_over_all_angles(margin):
    theta = np.linspace(0.001, np.pi - 0.001, 777)
    head = SphereFaceV0Layer(5, margin, dtype="float64")
    values = ops.convert_to_numpy(
        head.target_logit(ops.convert_to_tensor(np.cos(theta)))
    )
    assert (np.diff(values) < 0).all()
    assert (np.diff(values) > -0.05).all()  # without a jump at the sectors' edges


def test_defaults_are_the_authors():
    head = SphereFaceV0Layer(5)
    assert (head.margin, head.scale) == (1.5, 30.0)


def test_config_round_trip_keeps_every_argument():
    head = SphereFaceV0Layer(5, 1.2, scale=None)
    copy = SphereFaceV0Layer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 1.2, None)


@pytest.mark.parametrize("margin", [0.9, float("inf"), float("nan")])
def test_bad_margin_is_named_in_the_error(margin):
    with pytest.raises(ValueError, match="`margin` must be >= 1.* margin="):
        SphereFaceV0Layer(5, margin)
