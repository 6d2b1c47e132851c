"""Tests for tf_sphereface.losses.center."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface.losses import CenterLoss


def built(num_classes=5, dim=7, **kwargs):
    loss = CenterLoss(num_classes, **kwargs)
    loss.build((None,), (None, dim))
    centers = np.random.default_rng(9).normal(size=(num_classes, dim))
    loss.centers.assign(centers)
    return loss, ops.convert_to_numpy(loss.centers)


def moved(centers, labels, embeddings, alpha):
    """The paper's update, class by class."""
    centers = centers.astype("float64").copy()
    for label in range(len(centers)):
        mine = embeddings[labels == label]
        delta = sum(centers[label] - row for row in mine) / (1 + len(mine))
        centers[label] = centers[label] - alpha * delta
    return centers


def test_loss_is_half_the_mean_squared_distance_to_the_centre(check_oracle, batch):
    _, centers = built()

    def oracle(labels, embeddings):
        rows = zip(labels, embeddings, strict=True)
        losses = [np.sum((row - centers[label]) ** 2) / 2 for label, row in rows]
        return sum(losses) / len(losses)

    def make(dtype):
        loss, _ = built(dtype=dtype)
        loss.centers.assign(centers)
        return lambda labels, x: loss(labels, x, training=False)

    check_oracle(make, oracle, *batch)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 0.1])
def test_centres_move_as_in_the_paper(batch, alpha, exact):
    labels, embeddings = batch
    loss, centers = built(alpha=alpha, dtype="float64")
    expected = centers
    for _ in range(3):
        loss(labels, embeddings, training=True)
        expected = moved(expected, labels, embeddings, alpha)
    if keras.backend.backend() == "torch":
        exact = 1e-6  # Keras sums segments in float32 there
    np.testing.assert_allclose(
        ops.convert_to_numpy(loss.centers), expected, rtol=exact, atol=exact
    )


def test_a_class_without_images_keeps_its_centre(batch):
    labels, embeddings = batch
    loss, centers = built()
    loss(labels[labels != 4], embeddings[labels != 4], training=True)
    after = ops.convert_to_numpy(loss.centers)
    np.testing.assert_array_equal(after[4], centers[4])
    assert (after[:4] != centers[:4]).all()


def test_the_loss_is_that_before_the_move(batch):
    labels, embeddings = batch
    loss, _ = built(dtype="float64")
    before = float(loss(labels, embeddings, training=False))
    assert float(loss(labels, embeddings, training=True)) == before
    assert float(loss(labels, embeddings, training=False)) < before


def test_centres_have_no_gradient_and_are_not_trained(batch, exact):
    labels, embeddings = batch
    loss, centers = built(dtype="float64")
    assert loss.trainable_weights == []
    _, (gradient,) = gradients(lambda x: loss(labels, x, training=True), [embeddings])
    expected = (embeddings - centers[labels]) / len(labels)
    np.testing.assert_allclose(gradient, expected, rtol=exact, atol=exact / 10)


def test_centres_begin_at_zero_in_float32_under_a_mixed_policy():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        loss = CenterLoss(3)
        loss.build((None,), (None, 4))
    finally:
        keras.config.set_dtype_policy(policy)
    assert [weight.dtype for weight in loss.weights] == ["float32", "float32"]
    assert (ops.convert_to_numpy(loss.centers) == 0).all()


def test_a_label_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"`labels` must be in \[0, 5\).*from 0 to 5"):
        built()[0](np.array([0, 5]), np.zeros((2, 7)), training=False)


def test_use_as_the_loss_of_compile_is_refused():
    with pytest.raises(ValueError, match="`training` must be True or False"):
        built()[0](np.array([0]), np.zeros((1, 7)))


@pytest.mark.parametrize(
    "arguments",
    [{"num_classes": 0}, {"num_classes": 2.0}, {"alpha": 0.0}, {"alpha": 1.1}],
)
def test_bad_arguments_are_named(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value}"):
        CenterLoss(**{"num_classes": 3, **arguments})


def test_without_images_the_loss_is_zero_and_centres_stay(batch):
    labels, embeddings = batch
    loss, centers = built()
    value = loss(labels[:0], embeddings[:0], training=True)
    assert float(ops.convert_to_numpy(value)) == 0.0
    np.testing.assert_allclose(ops.convert_to_numpy(loss.centers), centers)
