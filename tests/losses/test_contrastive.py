"""Tests for tf_sphereface.losses.contrastive."""

import numpy as np
import pytest
from keras import ops

from tf_sphereface.losses import ContrastiveLoss


def pair_loss(first, second, genuine, margin):
    distance = np.sqrt(np.sum((first - second) ** 2))
    return 0.5 * (distance if genuine else max(0.0, margin - distance)) ** 2


def oracle(labels, embeddings, margin, normalize):
    """DeepID2's loss, pair by pair."""
    if normalize:
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    losses = [
        pair_loss(embeddings[i], embeddings[j], labels[i] == labels[j], margin)
        for i in range(len(labels))
        for j in range(i)
    ]
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("margin", "normalize"), [(1.0, True), (3.0, False)])
def test_loss_is_deepid2s_over_all_pairs(check_oracle, batch, margin, normalize):
    check_oracle(
        lambda dtype: ContrastiveLoss(margin, normalize, dtype=dtype),
        lambda labels, x: oracle(labels, x, margin, normalize),
        *batch,
    )


@pytest.mark.parametrize("normalize", [True, False])
def test_pairs_of_ones_own_choice(normalize, exact):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6, 4))
    genuine = np.array([True, False, False, True, False, True])
    loss = ContrastiveLoss(2.5, normalize, dtype="float64")
    actual = ops.convert_to_numpy(loss.pair_losses(first, second, genuine))
    if normalize:
        first = first / np.linalg.norm(first, axis=1, keepdims=True)
        second = second / np.linalg.norm(second, axis=1, keepdims=True)
    expected = [
        pair_loss(*pair, 2.5) for pair in zip(first, second, genuine, strict=True)
    ]
    np.testing.assert_allclose(actual, expected, rtol=exact)


def test_near_embeddings_far_from_the_origin_keep_their_distance():
    rng = np.random.default_rng(0)
    embeddings = (100.0 + 0.1 * rng.normal(size=(4, 8))).astype("float32")
    labels = np.zeros(4, "int32")
    expected = oracle(labels, embeddings.astype("float64"), 1.0, False)
    value = float(ContrastiveLoss()(labels, embeddings))
    assert value == pytest.approx(expected, rel=1e-4)
