"""Tests for plan and folding, which need neither tf-keras nor tfmot."""

import keras
import numpy as np
import pytest

from tf_sphereface.backbones import build_backbone
from tf_sphereface.errors import InputError
from tf_sphereface.quantization_training.folding import (
    folded_plan,
    unfolded_weights,
)
from tf_sphereface.quantization_training.plan import read_plan


def shaken(backbone, seed=0):
    """The network with statistics, gammas and alphas as after a training."""
    rng = np.random.default_rng(seed)
    for layer in backbone.layers:
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            weights = [rng.uniform(0.5, 2.0, weight.shape) for weight in weights]
        elif weights:
            weights = [weight + rng.normal(0, 0.05, weight.shape) for weight in weights]
        layer.set_weights(weights)
    return backbone


def uneven(network, first, second, seed=0):
    """The same function; channels between two layers differ by up to 100 times.

    Args:
        network: Changed in place.
        first: Name of a convolution with a bias, or of a batch norm.
        second: Name of the convolution that reads it, perhaps through a PReLU.
    """
    shift, kernel = network.get_layer(first), network.get_layer(second)
    weights, (values, *bias) = shift.get_weights(), kernel.get_weights()
    factors = 10 ** np.random.default_rng(seed).uniform(-1, 1, weights[1].size)
    shift.set_weights([weights[0] * factors, weights[1] * factors, *weights[2:]])
    kernel.set_weights([values / factors[:, None], *bias])
    return network


def embeddings_of(backbone, seed=1):
    shape = (3, *backbone.input_shape[1:])
    images = np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")
    return np.asarray(backbone(images, training=False), np.float64)


NETWORKS = {
    "mobilefacenet": {"width_multiplier": 0.125, "embedding_dim": 8},
    "iresnet": {"depth": 18, "width_multiplier": 0.0625, "embedding_dim": 8},
    "sphereface_cnn": {
        **{"depth": 10, "width_multiplier": 0.0625, "embedding_dim": 8},
        "batch_norm": True,
    },
}


def test_a_folded_convolution_is_kernel_times_factor_plus_shift():
    rng = np.random.default_rng(3)
    inputs = keras.Input((5, 6, 3))
    outputs = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="conv")(inputs)
    outputs = keras.layers.BatchNormalization(epsilon=0.01, name="bn")(outputs)
    network = shaken(keras.Model(inputs, keras.layers.Flatten()(outputs)))
    kernel, bias = network.get_layer("conv").get_weights()
    gamma, beta, mean, variance = network.get_layer("bn").get_weights()
    conv, _ = folded_plan(network).layers
    image = rng.normal(size=(5, 6, 3))
    for row, column, channel, copy in [(0, 0, 0, 0), (2, 3, 2, 1), (1, 2, 1, 0)]:
        patch, place = image[row : row + 3, column : column + 3, channel], 2 * channel
        raw = (patch * kernel[:, :, channel, copy]).sum() + bias[place + copy]
        place += copy
        expected = gamma[place] * (raw - mean[place])
        expected = expected / np.sqrt(variance[place] + 0.01) + beta[place]
        actual = (patch * conv.weights[0][:, :, channel, copy]).sum()
        np.testing.assert_allclose(actual + conv.weights[1][place], expected, 1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_batch_norm_is_left(name):
    plan = folded_plan(build_backbone(name, **NETWORKS[name]))
    assert "BatchNormalization" not in {layer.kind for layer in plan.layers}
    names = {plan.input_name} | {layer.name for layer in plan.layers}
    assert all(set(layer.inputs) <= names for layer in plan.layers)
    assert plan.output in names


@pytest.mark.quick_cases("mobilefacenet")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_goes_back_into_the_one_with_batch_norm(name):
    backbone = shaken(build_backbone(name, **NETWORKS[name]))
    expected, plan = embeddings_of(backbone), read_plan(backbone)
    folded = {layer.name: list(layer.weights) for layer in folded_plan(backbone).layers}
    assert any(layer.kind == "BatchNormalization" for layer in plan.layers)
    for layer_name, weights in unfolded_weights(plan, folded).items():
        backbone.get_layer(layer_name).set_weights(weights)
    actual = embeddings_of(backbone)
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_a_convolution_that_others_read_too_keeps_its_kernel():
    inputs = keras.Input((4, 4, 3))
    raw = keras.layers.Conv2D(3, 1, name="conv")(inputs)
    normed = keras.layers.BatchNormalization(name="bn")(raw)
    outputs = keras.layers.Add(name="add")([raw, normed])
    network = shaken(keras.Model(inputs, keras.layers.Flatten()(outputs)))
    plan = folded_plan(network)
    kinds = {layer.name: layer.kind for layer in plan.layers}
    assert kinds["bn"] == "DepthwiseConv2D"
    kernel = plan.layers[0].weights[0]
    np.testing.assert_array_equal(kernel, network.get_layer("conv").get_weights()[0])


def test_an_unknown_layer_is_named():
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.GaussianNoise(0.1, name="odd")(inputs)
    network = keras.Model(inputs, keras.layers.Flatten()(outputs))
    with pytest.raises(InputError, match=r"layer odd \(GaussianNoise\)"):
        read_plan(network)


def test_a_layer_that_is_used_twice_is_refused():
    inputs, twice = keras.Input((4, 4, 3)), keras.layers.ReLU(name="twice")
    outputs = keras.layers.Flatten()(twice(twice(inputs)))
    with pytest.raises(InputError, match="used twice"):
        read_plan(keras.Model(inputs, outputs))


def test_a_lone_batch_norm_without_gamma_is_refused():
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.BatchNormalization(scale=False, name="lone")(inputs)
    network = keras.Model(inputs, keras.layers.Flatten()(outputs))
    with pytest.raises(InputError, match="lone"):
        folded_plan(network)
