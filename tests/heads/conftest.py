"""Comparison of a head with an oracle: values, and gradients by finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from tests.finite_differences import central_differences


def cross_entropy(logits, labels):
    """Mean softmax cross-entropy in NumPy."""
    logits = logits - logits.max(axis=1, keepdims=True)
    picked = logits[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - picked)


def head_gradients(head, embeddings, labels):
    """Mean loss of a head, and its gradients by embeddings and by each weight."""
    embeddings = tf.Variable(embeddings)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(head.sample_losses(head.forward(embeddings), labels))
    sources = [embeddings, *(weight.value for weight in head.trainable_weights)]
    return loss.numpy(), [part.numpy() for part in tape.gradient(loss, sources)]


@pytest.fixture
def gradients():
    return head_gradients


@pytest.fixture
def check_oracle():
    """check(head, embeddings, labels, logits=f) or (..., loss=f), f in NumPy.

    `logits` maps (embeddings, kernel) to logits with the margin; `loss` maps
    (embeddings, *trainable weights) to the mean loss.
    """

    def check(head, embeddings, labels, logits=None, loss=None):
        if not head.built:
            head.build(embeddings.shape)
        weights = [np.array(weight.numpy()) for weight in head.trainable_weights]
        if logits is not None:
            expected = logits(embeddings, weights[0])
            actual = head(embeddings, labels)
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)

            def loss(embeddings, kernel):
                return cross_entropy(logits(embeddings, kernel), labels)

        value, parts = head_gradients(head, embeddings, labels)
        points = [embeddings, *weights]
        assert value == pytest.approx(loss(*points), rel=1e-10)
        for number, part in enumerate(parts):

            def at(shifted, number=number):
                return loss(*points[:number], shifted, *points[number + 1 :])

            expected = central_differences(at, points[number])
            assert np.abs(expected).max() > 0
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-7)

    return check


@pytest.fixture
def batch():
    """Six embeddings of length about 3 and labels of five classes; float64."""
    rng = np.random.default_rng(7)
    return 1.2 * rng.normal(size=(6, 7)), np.array([0, 4, 2, 2, 1, 3])


@pytest.fixture
def place():
    """place(head, embeddings, labels, degrees): kernel with these target angles."""

    def place_kernel(head, embeddings, labels, degrees):
        head.build(embeddings.shape)
        rng = np.random.default_rng(11)
        kernel = rng.normal(size=head.kernel.shape)
        width = head.kernel.shape[1] // head.num_classes
        for row, label in enumerate(labels):
            unit = embeddings[row] / np.linalg.norm(embeddings[row])
            other = rng.normal(size=unit.shape)
            other -= (other @ unit) * unit
            other /= np.linalg.norm(other)
            theta = np.radians(degrees[row])
            weight = 1.7 * (np.cos(theta) * unit + np.sin(theta) * other)
            kernel[:, label * width] = weight
        head.kernel.assign(kernel)
        return kernel

    return place_kernel
