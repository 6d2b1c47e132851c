"""Tests for tf_sphereface.deployment.conversion.batch_norm."""

import keras
import numpy as np
import pytest
from keras import layers

from tf_sphereface.backbones import IResNet, MobileFaceNet, SphereFaceCNN
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm


def batch_norms(network):
    return [
        layer
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization)
    ]


def trained_looking(network, seed=0):
    """Statistics, scales and shifts that are not those of a new batch norm."""
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        for weight in layer.weights:
            shape = weight.shape
            if weight.name == "moving_variance":
                weight.assign(rng.uniform(0.3, 3, shape))
            elif len(shape) == 1:
                weight.assign(rng.normal(0.2, 0.6, shape))
    return network


def assert_same(network, folded, atol=2e-5):
    inputs = np.random.default_rng(1).normal(size=(3, *network.input_shape[1:]))
    first, second = (
        np.asarray(model(inputs.astype(np.float32), training=False))
        for model in (network, folded)
    )
    scale = np.abs(first).max()
    np.testing.assert_allclose(second / scale, first / scale, atol=atol)
    assert scale > 0


@pytest.mark.parametrize(
    ("network", "left"),
    [
        (lambda: MobileFaceNet(width_multiplier=0.125, embedding_dim=16), 0),
        (lambda: SphereFaceCNN(4, width_multiplier=0.125, embedding_dim=16), 0),
        # Before a padded convolution it cannot be folded: the padding is of zeros.
        (lambda: IResNet(18, width_multiplier=0.125, embedding_dim=16), 9),
    ],
)
def test_backbone_embeds_as_before(network, left):
    network = trained_looking(network())
    before = [weight.copy() for weight in network.get_weights()]
    folded = fold_batch_norm(network)
    assert len(batch_norms(folded)) == left
    assert_same(network, folded)
    assert folded.input_shape == network.input_shape
    for kept, weight in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def functional(*made):
    inputs = keras.Input((6, 5, 3))
    outputs = inputs
    for layer in made:
        outputs = layer(outputs)
    return trained_looking(keras.Model(inputs, layers.Flatten()(outputs)))


@pytest.mark.parametrize(
    ("made", "left"),
    [
        ([layers.Conv2D(4, 3), layers.BatchNormalization()], 0),
        (
            [
                layers.Conv2D(4, 3, use_bias=False),
                layers.BatchNormalization(scale=False, center=False),
            ],
            0,
        ),
        (
            [
                layers.DepthwiseConv2D(3, depth_multiplier=2),
                layers.BatchNormalization(),
            ],
            0,
        ),
        ([layers.Flatten(), layers.Dense(7), layers.BatchNormalization()], 0),
        ([layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization()], 1),
        ([layers.Conv2D(5, 3), layers.BatchNormalization(axis=1)], 1),
        ([layers.BatchNormalization(), layers.Conv2D(4, 3)], 1),
        (
            [layers.Conv2D(4, 3), layers.BatchNormalization()]
            + [layers.BatchNormalization()],
            1,
        ),
    ],
)
def test_only_what_is_before_a_batch_norm_takes_it_in(made, left):
    network = functional(*made)
    folded = fold_batch_norm(network)
    assert len(batch_norms(folded)) == left
    assert_same(network, folded)


def test_convolution_that_others_need_is_left():
    inputs = keras.Input((6, 5, 3))
    conv = layers.Conv2D(4, 3)(inputs)
    both = layers.Add()([conv, layers.BatchNormalization()(conv)])
    network = trained_looking(keras.Model(inputs, layers.Flatten()(both)))
    folded = fold_batch_norm(network)
    assert len(batch_norms(folded)) == 1
    assert_same(network, folded)


def test_layer_that_is_used_twice_is_left():
    inputs = keras.Input((6, 5, 3))
    conv, norm = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
    network = keras.Model(inputs, layers.Flatten()(norm(conv(conv(inputs)))))
    network = trained_looking(network)
    folded = fold_batch_norm(network)
    assert len(batch_norms(folded)) == 1
    assert_same(network, folded)


def test_subclassed_model_is_returned_as_it_is():
    class Network(keras.Model):
        def call(self, inputs):
            return inputs

    network = Network()
    assert fold_batch_norm(network) is network
