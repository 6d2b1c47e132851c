"""Tests for tf_sphereface.heads.sphereface_r."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import SphereFaceRLayer

DEGREES = [10, 50, 80, 110, 130, 170]  # 1.5 * 130 and 1.5 * 170 are beyond pi


def oracle(embeddings, kernel, labels, margin, version, scale):
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        norm = np.linalg.norm(embedding)
        for column, weight in enumerate(kernel.T):
            theta = math.acos(embedding @ weight / norm / np.linalg.norm(weight))
            if version == 1 and column == labels[row]:
                theta = min(margin * theta, math.pi)
            if version == 2 and column != labels[row]:
                theta = theta / margin
            logits[row, column] = (scale or norm) * math.cos(theta)
    return logits


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("scale", [None, 8.0])
def test_logits_and_gradients_match_the_paper(
    check_oracle, batch, place, version, scale
):
    embeddings, labels = batch
    head = SphereFaceRLayer(
        5, 1.5, version, scale=scale, detach_margin=False, dtype="float64"
    )
    place(head, embeddings, labels, DEGREES)
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 1.5, version, scale),
    )


@pytest.mark.parametrize("version", [1, 2])
def test_detached_margin_is_a_constant_for_the_gradient(
    check_oracle, batch, place, version
):
    embeddings, labels = batch
    head = SphereFaceRLayer(5, 1.5, version, scale=8.0, dtype="float64")
    kernel = place(head, embeddings, labels, DEGREES)
    frozen = oracle(embeddings, kernel, labels, 1.5, version, 8.0)
    frozen -= oracle(embeddings, kernel, labels, 1.0, version, 8.0)
    assert np.abs(frozen).max() > 1
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, k: oracle(x, k, labels, 1.0, version, 8.0) + frozen,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_loss_weight_multiplies_the_loss_and_its_gradient(
    check_oracle, batch, place, version
):
    embeddings, labels = batch
    head = SphereFaceRLayer(
        *(5, 1.5, version, 8.0),
        detach_margin=False,
        loss_weight=50 / 8,
        dtype="float64",
    )
    place(head, embeddings, labels, DEGREES)

    def loss(x, kernel):
        logits = oracle(x, kernel, labels, 1.5, version, 8.0)
        chosen = logits[np.arange(len(labels)), labels]
        return 50 / 8 * np.mean(np.log(np.exp(logits).sum(axis=1)) - chosen)

    check_oracle(head, embeddings, labels, loss=loss)
    logits = ops.convert_to_numpy(head(embeddings, labels))
    expected = oracle(embeddings, head.kernel.numpy(), labels, 1.5, version, 8.0)
    np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-10)


def test_defaults_are_the_authors():
    head = SphereFaceRLayer(5)
    assert (head.margin, head.version, head.scale) == (1.5, 1, 30.0)
    assert (head.detach_margin, head.loss_weight) == (True, 1.0)


def test_config_round_trip_keeps_every_argument():
    head = SphereFaceRLayer(5, 1.2, 2, scale=None, detach_margin=False, loss_weight=5.0)
    copy = SphereFaceRLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.version) == (5, 1.2, 2)
    assert (copy.scale, copy.detach_margin, copy.loss_weight) == (None, False, 5.0)


def test_bad_arguments_are_named_in_the_error():
    with pytest.raises(ValueError, match="`margin` must be >= 1.* margin=0.9"):
        SphereFaceRLayer(5, margin=0.9)
    with pytest.raises(ValueError, match="`version` must be 1 or 2.* version=3"):
        SphereFaceRLayer(5, version=3)
    with pytest.raises(ValueError, match="`loss_weight` must be positive.*=0"):
        SphereFaceRLayer(5, loss_weight=0)
