"""Tests for tf_sphereface.heads.l_softmax."""

import math

import numpy as np
import pytest

from tf_sphereface.heads import InverseDecayAnnealing, LSoftmaxLayer, StagedMargin


def psi(theta, margin):
    k = min(math.floor(margin * theta / math.pi), margin - 1)
    return (-1.0) ** k * math.cos(margin * theta) - 2 * k


def oracle(embeddings, kernel, labels, margin, lambda_):
    logits = embeddings @ kernel
    for row, label in enumerate(labels):
        embedding, weight = embeddings[row], kernel[:, label]
        lengths = np.linalg.norm(embedding) * np.linalg.norm(weight)
        cos = embedding @ weight / lengths
        mixed = (psi(math.acos(cos), margin) + lambda_ * cos) / (1 + lambda_)
        logits[row, label] = lengths * mixed
    return logits


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
@pytest.mark.parametrize("lambda_", [0.0, 3.0])
def test_logits_and_gradients_match_the_paper(
    check_oracle, batch, place, margin, lambda_
):
    embeddings, labels = batch
    annealing = InverseDecayAnnealing(base=lambda_, gamma=0.0, minimum=0.0)
    head = LSoftmaxLayer(5, margin=margin, annealing=annealing, dtype="float64")
    place(head, embeddings, labels, [10, 50, 80, 100, 130, 170])
    weight = 0.0 if margin == 1 else lambda_
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, margin, weight),
    )


def test_default_annealing_is_the_releases_example():
    annealing = LSoftmaxLayer(5).annealing
    assert (annealing.base, annealing.gamma) == (1000.0, 2.5e-5)
    assert (annealing.power, annealing.minimum) == (35.0, 0.0)


def test_config_round_trip_keeps_every_argument():
    staged = StagedMargin((1, 3), (0, 7), unit="images")
    head = LSoftmaxLayer(5, margin=staged, annealing=InverseDecayAnnealing(3.0))
    copy = LSoftmaxLayer.from_config(head.get_config())
    assert (copy.margin.margins, copy.margin.starts) == ((1, 3), (0, 7))
    assert (copy.margin.unit, copy.annealing.base) == ("images", 3.0)
    assert (
        LSoftmaxLayer.from_config(LSoftmaxLayer(5, margin=2).get_config()).margin == 2
    )


def test_a_scale_is_refused():
    with pytest.raises(ValueError, match="`scale` must be None"):
        LSoftmaxLayer(5, scale=30.0)
