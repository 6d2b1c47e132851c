"""Tests for tf_sphereface.heads.softmax."""

import numpy as np
import pytest
from keras import ops

from tf_sphereface.heads import NormalizedSoftmaxLayer, SoftmaxLayer


def test_softmax_is_a_dense_layer_with_bias():
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(3, 6))
    head = SoftmaxLayer(4, dtype="float64")
    head.build((None, 6))
    head.bias.assign([1.0, -2.0, 0.5, 3.0])
    expected = embeddings @ head.kernel.numpy() + [1.0, -2.0, 0.5, 3.0]
    actual = ops.convert_to_numpy(head(embeddings))
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_bias_begins_at_zero():
    head = SoftmaxLayer(4)
    head.build((None, 6))
    np.testing.assert_array_equal(head.bias.numpy(), np.zeros(4))


@pytest.mark.parametrize("head_class", [SoftmaxLayer, NormalizedSoftmaxLayer])
def test_labels_change_nothing_without_a_margin(head_class):
    embeddings = np.random.default_rng(2).normal(size=(3, 6))
    head = head_class(4, dtype="float64")
    with_labels = ops.convert_to_numpy(head(embeddings, np.array([0, 1, 3])))
    without = ops.convert_to_numpy(head(embeddings))
    np.testing.assert_allclose(with_labels, without, atol=1e-12)


def test_normalized_softmax_ignores_the_length_of_class_weights():
    embeddings = np.random.default_rng(3).normal(size=(3, 6))
    head = NormalizedSoftmaxLayer(4, dtype="float64")
    before = ops.convert_to_numpy(head(embeddings))
    head.kernel.assign(5.0 * head.kernel)
    after = ops.convert_to_numpy(head(embeddings))
    np.testing.assert_allclose(after, before, atol=1e-12)


@pytest.mark.parametrize("head_class", [SoftmaxLayer, NormalizedSoftmaxLayer])
@pytest.mark.parametrize("length", [1e-4, 1e-2, 100.0])
def test_float32_gradient_has_its_digits_at_any_length(
    head_gradients, head_class, length
):
    rng = np.random.default_rng(4)
    embeddings = rng.normal(size=(3, 6))
    embeddings *= length / np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels, kernel, bias = np.array([0, 3, 2]), rng.normal(size=(6, 4)), [1.0, -2, 0, 3]
    head = head_class(4)
    head.build((None, 6))
    head.kernel.assign(kernel)
    if head_class is SoftmaxLayer:
        head.bias.assign(bias)
    else:
        kernel, bias = kernel / np.linalg.norm(kernel, axis=0), [0.0]
    rise = np.exp(embeddings @ kernel + bias)
    shares = rise / rise.sum(axis=1, keepdims=True) - np.eye(4)[labels]
    _, (by_embedding, *_) = head_gradients(head, embeddings.astype("float32"), labels)
    expected = shares @ kernel.T / 3
    atol = 3e-6 * np.abs(expected).max()
    np.testing.assert_allclose(by_embedding, expected, rtol=1e-6, atol=atol)


def test_softmax_refuses_a_scale():
    with pytest.raises(ValueError, match="`scale` must be None"):
        SoftmaxLayer(4, scale=30.0)
