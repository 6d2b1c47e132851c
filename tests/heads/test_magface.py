"""Tests for tf_sphereface.heads.magface."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import MagFaceLayer


def oracle_logits(embeddings, kernel, labels):
    """Norms 2 to 6, margins 0.1 to 0.6, scale 8."""
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        norm = np.linalg.norm(embedding)
        margin = 0.1 + 0.5 * (min(max(norm, 2.0), 6.0) - 2.0) / 4.0
        for column, weight in enumerate(kernel.T):
            cos = embedding @ weight / norm / np.linalg.norm(weight)
            if column == labels[row]:
                theta = math.acos(cos)
                if theta + margin > math.pi:
                    cos = cos - margin * math.sin(margin)
                else:
                    cos = math.cos(theta + margin)
            logits[row, column] = 8.0 * cos
    return logits


def oracle_loss(embeddings, kernel, labels, weight):
    total = 0.0
    for row, logits in enumerate(oracle_logits(embeddings, kernel, labels)):
        norm = min(max(np.linalg.norm(embeddings[row]), 2.0), 6.0)
        total += np.log(np.exp(logits).sum()) - logits[labels[row]]
        total += weight * (1 / norm + norm / 36.0)
    return total / len(embeddings)


def spread_batch(batch):
    """Norms below, between and above the bounds."""
    embeddings, labels = batch
    lengths = np.array([1.0, 2.5, 3.0, 4.0, 5.5, 8.0])
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit * lengths[:, None], labels


@pytest.mark.parametrize("weight", [0.0, 35.0])
def test_losses_and_gradients_match_the_paper(check_oracle, batch, place, weight):
    embeddings, labels = spread_batch(batch)
    head = MagFaceLayer(5, (2.0, 6.0), (0.1, 0.6), weight, scale=8.0, dtype="float64")
    place(head, embeddings, labels, [10, 50, 80, 175, 130, 160])
    check_oracle(
        head,
        embeddings,
        labels,
        loss=lambda x, kernel: oracle_loss(x, kernel, labels, weight),
    )


def test_logits_match_the_paper(batch, place):
    embeddings, labels = spread_batch(batch)
    head = MagFaceLayer(5, (2.0, 6.0), (0.1, 0.6), scale=8.0, dtype="float64")
    kernel = place(head, embeddings, labels, [10, 50, 80, 175, 130, 160])
    expected = oracle_logits(embeddings, kernel, labels)
    actual = ops.convert_to_numpy(head(embeddings, labels))
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def test_defaults_are_the_papers():
    head = MagFaceLayer(5)
    assert (head.norms, head.margins) == ((10.0, 110.0), (0.45, 0.8))
    assert (head.regularizer_weight, head.scale) == (35.0, 64.0)


def test_config_round_trip_keeps_every_argument():
    head = MagFaceLayer(5, (1.0, 2.0), (0.1, 0.2), 3.0, 16.0)
    copy = MagFaceLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.norms, copy.margins) == (5, (1.0, 2.0), (0.1, 0.2))
    assert (copy.regularizer_weight, copy.scale) == (3.0, 16.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("norms", (5.0, 5.0)),
        ("margins", (0.4, 1.6)),
        ("margins", (0.4, 0.3)),
        ("regularizer_weight", -1.0),
        ("scale", None),
    ],
)
def test_bad_arguments_are_named_in_the_error(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}="):
        MagFaceLayer(5, **{name: value})
