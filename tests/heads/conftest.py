"""Comparison of a head with an oracle: values, and gradients by finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tests.finite_differences import central_differences


def cross_entropy(logits, labels):
    """Mean softmax cross-entropy in NumPy."""
    logits = logits - logits.max(axis=1, keepdims=True)
    picked = logits[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - picked)


def mean_loss_and_gradients(head, embeddings, labels):
    """Mean loss of a head, and its gradients by embeddings and by each weight."""
    if not head.built:
        head.build(embeddings.shape)
    return gradients(
        lambda values: ops.mean(head.sample_losses(head.margin_free(values), labels)),
        [embeddings],
        head,
    )


def single_precision(head):
    """The same head with the same weights, in float32."""
    copy = type(head).from_config({**head.get_config(), "dtype": "float32"})
    copy.build((None, head.kernel.shape[0]))
    for ours, theirs in zip(copy.weights, head.weights, strict=True):
        ours.assign(theirs.numpy())
    return copy


@pytest.fixture(autouse=True)
def same_kernels():
    """Kernels begin with the same numbers in each run.

    Finite differences see another function where two sub-centres are as near.
    """
    keras.utils.set_random_seed(23)


@pytest.fixture
def head_gradients():
    return mean_loss_and_gradients


@pytest.fixture
def check_oracle():
    """check(head, embeddings, labels, logits=f) or (..., loss=f), f in NumPy float64.

    `logits` maps (embeddings, kernel) to logits with the margin; `loss` maps
    (embeddings, *trainable weights) to the mean loss. The head is float64; a copy of it
    in float32 must give the same to single precision.
    """

    def check(head, embeddings, labels, logits=None, loss=None):
        if not head.built:
            head.build(embeddings.shape)
        weights = [np.array(weight.numpy()) for weight in head.trainable_weights]
        single, points = single_precision(head), [embeddings, *weights]
        if logits is not None:
            expected = logits(embeddings, weights[0])
            actual = ops.convert_to_numpy(head(embeddings, labels))
            assert actual.dtype == np.float64
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)
            actual = ops.convert_to_numpy(single(embeddings, labels))
            assert actual.dtype == np.float32
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)

            def loss(embeddings, kernel):
                return cross_entropy(logits(embeddings, kernel), labels)

        value, parts = mean_loss_and_gradients(head, embeddings, labels)
        assert value == pytest.approx(loss(*points), rel=1e-10)
        for number, part in enumerate(parts):

            def at(shifted, number=number):
                return loss(*points[:number], shifted, *points[number + 1 :])

            expected = central_differences(at, points[number])
            assert np.abs(expected).max() > 0
            np.testing.assert_allclose(part, expected, rtol=1e-10, atol=1e-10)
        value, coarse = mean_loss_and_gradients(
            single, embeddings.astype("float32"), labels
        )
        assert value == pytest.approx(loss(*points), rel=1e-5)
        for fine, part in zip(parts, coarse, strict=True):
            # Near pi an angle has few digits in float32.
            atol = 1e-4 * np.abs(fine).max()
            np.testing.assert_allclose(part, fine, rtol=1e-4, atol=atol)

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
