"""Tests for tf_sphereface.heads.adaface."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import AdaFaceLayer


def qualities(embeddings, mean, deviation, concentration):
    norms = [min(max(np.linalg.norm(row), 1e-3), 100.0) for row in embeddings]
    return [
        min(max(concentration * (norm - mean) / (deviation + 1e-3), -1.0), 1.0)
        for norm in norms
    ]


def oracle(embeddings, kernel, labels, margin, scale, quality):
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        for column, weight in enumerate(kernel.T):
            cos = embedding @ weight / np.linalg.norm(embedding)
            cos /= np.linalg.norm(weight)
            if column == labels[row]:
                theta = math.acos(cos) - margin * quality[row]
                theta = min(max(theta, 1e-3), math.pi - 1e-3)
                cos = math.cos(theta) - margin - margin * quality[row]
            logits[row, column] = scale * cos
    return logits


def test_logits_and_gradients_match_the_paper(check_oracle, batch, place):
    embeddings, labels = batch
    embeddings = embeddings * np.array([0.3, 0.7, 1.0, 1.3, 0.8, 4.0])[:, None]
    head = AdaFaceLayer(5, 0.4, 0.5, scale=8.0, dtype="float64")
    place(head, embeddings, labels, [20, 50, 80, 100, 130, 177])
    head.norm_mean.assign(3.0)
    head.norm_deviation.assign(1.0)
    quality = qualities(embeddings, 3.0, 1.0, 0.5)
    assert (min(quality), max(quality)) == (-1.0, 1.0)
    assert sum(abs(value) < 1 for value in quality) == 4
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 0.4, 8.0, quality),
    )


@pytest.mark.parametrize("degrees", [5.0, 177.0])
def test_shifted_angle_stays_between_0_and_pi(check_oracle, place, degrees):
    embeddings = np.random.default_rng(1).normal(size=(2, 7))
    embeddings[1] *= 50
    labels, quality = np.array([0, 2]), [-1.0, 1.0]
    head = AdaFaceLayer(5, 0.4, 9.0, scale=8.0, dtype="float64")
    place(head, embeddings, labels, [degrees, degrees])
    check_oracle(
        head,
        embeddings,
        labels,
        logits=lambda x, kernel: oracle(x, kernel, labels, 0.4, 8.0, quality),
    )


def test_statistics_follow_the_norms_in_training_only(batch):
    embeddings, labels = batch
    head = AdaFaceLayer(5, rate=0.2, dtype="float64")
    norms = np.linalg.norm(embeddings, axis=1)
    head(embeddings, labels)
    assert (float(head.norm_mean), float(head.norm_deviation)) == (20.0, 100.0)
    logits = head(embeddings, labels, training=True)
    mean, deviation = 16 + 0.2 * norms.mean(), 80 + 0.2 * norms.std(ddof=1)
    assert float(head.norm_mean) == pytest.approx(mean)
    assert float(head.norm_deviation) == pytest.approx(deviation)
    quality = qualities(embeddings, mean, deviation, 0.333)
    expected = oracle(embeddings, head.kernel.numpy(), labels, 0.4, 64.0, quality)
    np.testing.assert_allclose(ops.convert_to_numpy(logits), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("mean", "spread"), [(30.0, 1e-3), (30.0, 1e-4), (99.0, 1e-3), (0.5, 1e-6)]
)
def test_a_tiny_spread_keeps_its_digits_in_float32(mean, spread):
    norms = (mean + spread * np.array([-3, -1, 0, 0.5, 1.5, 2])).astype("float32")
    head = AdaFaceLayer(5, rate=1.0)
    head(np.stack([norms, 0 * norms], axis=1), np.zeros(6, int), training=True)
    seen = norms.astype("float64")
    assert float(head.norm_mean) == pytest.approx(seen.mean(), abs=1e-5)
    # A norm is the root of a square, which rounds twice.
    digit = 2.4e-7 * mean
    assert float(head.norm_deviation) == pytest.approx(
        seen.std(ddof=1), abs=digit, rel=1e-3
    )


def test_norms_count_up_to_100():
    embeddings = np.full((4, 4), 500.0)
    head = AdaFaceLayer(5, rate=1.0, dtype="float64")
    head(embeddings, np.zeros(4, int), training=True)
    assert float(head.norm_mean) == pytest.approx(100.0)
    assert float(head.norm_deviation) == pytest.approx(0.0, abs=1e-6)


def test_defaults_are_the_papers():
    head = AdaFaceLayer(5)
    assert (head.margin, head.concentration) == (0.4, 0.333)
    assert (head.rate, head.scale) == (0.01, 64.0)


def test_config_round_trip_keeps_every_argument():
    head = AdaFaceLayer(5, 0.2, 0.5, 0.1, 16.0)
    copy = AdaFaceLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.concentration) == (5, 0.2, 0.5)
    assert (copy.rate, copy.scale) == (0.1, 16.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("margin", -0.1), ("concentration", 0.0), ("rate", 1.5), ("scale", None)],
)
def test_bad_arguments_are_named_in_the_error(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value}"):
        AdaFaceLayer(5, **{name: value})
