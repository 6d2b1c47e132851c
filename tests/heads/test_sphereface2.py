"""Tests for tf_sphereface.heads.sphereface2."""

import math

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import SphereFace2Layer


def binary_logit(cos, is_target, bias, margin, scale, exponent):
    similarity = 2 * ((cos + 1) / 2) ** exponent - 1
    return scale * (similarity + (-margin if is_target else margin)) + bias


def oracle_loss(embeddings, kernel, bias, labels, arguments, balance, weight):
    """The paper's loss, one binary classification at a time."""
    total = 0.0
    for embedding, label in zip(embeddings, labels, strict=True):
        for column, class_weight in enumerate(kernel.T):
            cos = embedding @ class_weight / np.linalg.norm(embedding)
            cos /= np.linalg.norm(class_weight)
            logit = binary_logit(cos, column == label, bias, **arguments)
            if column == label:
                total += balance * math.log1p(math.exp(-logit))
            else:
                total += (1 - balance) * math.log1p(math.exp(logit))
    return weight * total / arguments["scale"] / len(embeddings)


@pytest.mark.parametrize(("exponent", "weight"), [(3.0, 1.0), (1.0, 50.0), (2.5, 2.0)])
def test_losses_and_gradients_match_the_paper(check_oracle, batch, exponent, weight):
    embeddings, labels = batch
    arguments = {"margin": 0.3, "scale": 6.0, "exponent": exponent}
    head = SphereFace2Layer(
        5, balance=0.6, loss_weight=weight, dtype="float64", **arguments
    )
    check_oracle(
        head,
        embeddings,
        labels,
        loss=lambda x, kernel, bias: oracle_loss(
            x, kernel, float(bias), labels, arguments, 0.6, weight
        ),
    )


def test_detached_margin_is_a_constant_for_the_gradient(check_oracle, batch):
    embeddings, labels = batch
    head = SphereFace2Layer(5, 0.3, 6.0, 0.7, 3.0, dtype="float64", detach_margin=True)
    head.build(embeddings.shape)
    targets = labels[:, None] == np.arange(5)

    def cosines(x, kernel):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        return unit @ (kernel / np.linalg.norm(kernel, axis=0))

    start = cosines(embeddings, head.kernel.numpy())
    spread = 2 * ((start + 1) / 2) ** 3 - 1
    frozen = 6.0 * (spread + np.where(targets, -0.3, 0.3) - start)

    def loss(x, kernel, bias):
        logits = 6.0 * cosines(x, kernel) + frozen + bias
        losses = np.logaddexp(0, np.where(targets, -logits, logits))
        return (np.where(targets, 0.7, 0.3) * losses).sum() / 6.0 / len(x)

    check_oracle(head, embeddings, labels, loss=loss)


def test_logits_with_labels_are_the_binary_ones(batch):
    embeddings, labels = batch
    head = SphereFace2Layer(5, margin=0.3, scale=6.0, exponent=2.0, dtype="float64")
    cosines = ops.convert_to_numpy(head(embeddings)) / 6.0
    head.bias.assign(0.7)
    actual = ops.convert_to_numpy(head(embeddings, labels))
    for row, label in enumerate(labels):
        expected = [
            binary_logit(cos, column == label, 0.7, 0.3, 6.0, 2.0)
            for column, cos in enumerate(cosines[row])
        ]
        np.testing.assert_allclose(actual[row], expected, rtol=1e-12)


@pytest.mark.parametrize("num_classes", [2, 3, 4, 100, 10_572, 1_000_000])
def test_first_bias_minimises_the_loss_of_orthogonal_embeddings(num_classes):
    head = SphereFace2Layer(num_classes)
    middle = 2 * 0.5**3 - 1

    def loss(bias):
        target = np.logaddexp(0, -(40 * (middle - 0.4) + bias))
        others = np.logaddexp(0, 40 * (middle + 0.4) + bias)
        return 0.7 * target + 0.3 * (num_classes - 1) * others

    bias = head.first_bias()
    assert loss(bias) < min(loss(bias - 0.05), loss(bias + 0.05))


def test_defaults_are_the_papers():
    head = SphereFace2Layer(5)
    assert (head.margin, head.scale, head.balance) == (0.4, 40.0, 0.7)
    assert (head.exponent, head.loss_weight) == (3.0, 1.0)
    assert head.detach_margin is False


def test_config_round_trip_keeps_every_argument():
    head = SphereFace2Layer(5, 0.2, 16.0, 0.6, 2.0, 50.0, detach_margin=True)
    copy = SphereFace2Layer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 0.2, 16.0)
    assert (copy.balance, copy.exponent, copy.loss_weight) == (0.6, 2.0, 50.0)
    assert copy.detach_margin is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", -0.1),
        ("balance", 1.0),
        ("exponent", 0.5),
        ("loss_weight", 0.0),
        ("scale", None),
    ],
)
def test_bad_arguments_are_named_in_the_error(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value}"):
        SphereFace2Layer(5, **{name: value})
