"""Tests for tf_sphereface.heads.am_softmax."""

import numpy as np
import pytest

from tf_sphereface.heads import AMSoftmaxLayer


def oracle(embeddings, kernel, labels, margin, scale):
    """The paper's logits, one number at a time."""
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        for column, weight in enumerate(kernel.T):
            cos = embedding @ weight / np.linalg.norm(embedding)
            cos /= np.linalg.norm(weight)
            is_target = column == labels[row]
            logits[row, column] = scale * (cos - margin if is_target else cos)
    return logits


def test_logits_and_gradients_match_the_paper(check_oracle, batch):
    embeddings, labels = batch
    head = AMSoftmaxLayer(5, margin=0.4, scale=8.0, dtype="float64")
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 0.4, 8.0),
    )


def test_without_scale_the_norm_of_the_embedding_is_the_scale(check_oracle, batch):
    embeddings, labels = batch

    def logits(x, kernel):
        rows = [
            oracle(x[i : i + 1], kernel, labels[i : i + 1], 0.4, np.linalg.norm(x[i]))
            for i in range(len(x))
        ]
        return np.concatenate(rows)

    head = AMSoftmaxLayer(5, margin=0.4, scale=None, dtype="float64")
    check_oracle(head, embeddings, labels, logits=logits)


def test_nearest_sub_centre_counts(check_oracle, batch):
    embeddings, labels = batch

    def logits(x, kernel):
        every = oracle(x, kernel, np.full(len(x), -1), 0.0, 8.0)
        nearest = np.stack(
            [every[:, 3 * j : 3 * j + 3].max(axis=1) for j in range(5)], 1
        )
        nearest[np.arange(len(x)), labels] -= 8.0 * 0.4
        return nearest

    head = AMSoftmaxLayer(5, margin=0.4, scale=8.0, sub_centers=3, dtype="float64")
    check_oracle(head, embeddings, labels, logits=logits)


def test_defaults_are_the_papers():
    head = AMSoftmaxLayer(5)
    assert (head.margin, head.scale, head.sub_centers) == (0.35, 30.0, 1)


def test_config_round_trip_keeps_every_argument():
    head = AMSoftmaxLayer(5, margin=0.2, scale=16.0, sub_centers=3)
    copy = AMSoftmaxLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 0.2, 16.0)
    assert copy.sub_centers == 3


@pytest.mark.parametrize("margin", [-0.1, 2.0, float("nan")])
def test_bad_margin_is_named_in_the_error(margin):
    with pytest.raises(ValueError, match="`margin` must be in .* Received: margin="):
        AMSoftmaxLayer(5, margin=margin)


@pytest.mark.parametrize("sub_centers", [0, 1.5, True])
def test_bad_sub_centers_are_named_in_the_error(sub_centers):
    with pytest.raises(ValueError, match=f"sub_centers={sub_centers!r}"):
        AMSoftmaxLayer(5, sub_centers=sub_centers)
