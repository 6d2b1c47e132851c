"""Tests for tf_sphereface.heads.curricularface."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import CurricularFaceLayer


def oracle(embeddings, kernel, labels, margin, scale, hardness):
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        cosines = embedding @ kernel / np.linalg.norm(embedding)
        cosines = cosines / np.linalg.norm(kernel, axis=0)
        theta = math.acos(cosines[labels[row]])
        for column, cos in enumerate(cosines):
            if column != labels[row]:
                hard = cos > math.cos(theta + margin)
                value = cos * (hardness + cos) if hard else cos
            elif theta + margin > math.pi:
                value = cos - margin * math.sin(margin)
            else:
                value = math.cos(theta + margin)
            logits[row, column] = scale * value
    return logits


def test_logits_and_gradients_match_the_paper(check_oracle, batch, place):
    embeddings, labels = batch
    head = CurricularFaceLayer(5, margin=0.5, scale=8.0, dtype="float64")
    kernel = place(head, embeddings, labels, [10, 50, 80, 100, 130, 170])
    head.hardness.assign(0.3)
    easy = oracle(embeddings, kernel, labels, 0.5, 8.0, 1e9)
    assert (np.abs(easy) > 1e6).any() and (np.abs(easy) < 9).any()  # hard and easy
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 0.5, 8.0, 0.3),
    )


def test_hardness_follows_the_targets_in_training_only(batch):
    embeddings, labels = batch
    head = CurricularFaceLayer(5, scale=8.0, rate=0.1, dtype="float64")
    cosines = ops.convert_to_numpy(head(embeddings))[np.arange(6), labels] / 8.0
    head(embeddings, labels)
    assert float(head.hardness) == 0.0
    logits = head(embeddings, labels, training=True)
    assert float(head.hardness) == pytest.approx(0.1 * cosines.mean())
    # The present batch is part of what it is judged by, as in the authors' code.
    expected = oracle(
        embeddings, head.kernel.numpy(), labels, 0.5, 8.0, 0.1 * cosines.mean()
    )
    np.testing.assert_allclose(ops.convert_to_numpy(logits), expected, rtol=1e-10)
    head(embeddings, labels, training=True)
    assert float(head.hardness) == pytest.approx((0.1 + 0.09) * cosines.mean())


def test_defaults_are_the_papers():
    head = CurricularFaceLayer(5)
    assert (head.margin, head.scale, head.rate) == (0.5, 64.0, 0.01)


def test_config_round_trip_keeps_every_argument():
    head = CurricularFaceLayer(5, margin=0.2, scale=16.0, rate=0.1)
    copy = CurricularFaceLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 0.2, 16.0)
    assert copy.rate == 0.1


@pytest.mark.parametrize(
    ("name", "value"), [("margin", -0.1), ("rate", 0.0), ("scale", None)]
)
def test_bad_arguments_are_named_in_the_error(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value}"):
        CurricularFaceLayer(5, **{name: value})
