"""Tests for tf_sphereface.backbones.zfnet_face."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.slow_network import SlowNetwork, max_pool, randomize
from tf_sphereface.backbones import ZFNetFace, multiply_accumulates

# Table 1 of the paper: output size, and millions of FLOPS (multiply-accumulates).
ROWS = {
    "conv1": (110, 64, 115),
    "conv2a": (55, 64, 13),
    "conv2": (55, 192, 335),
    "conv3a": (28, 192, 29),
    "conv3": (28, 384, 521),
    "conv4a": (14, 384, 29),
    "conv4": (14, 256, 173),
    "conv5a": (14, 256, 13),
    "conv5": (14, 256, 116),
    "conv6a": (14, 256, 13),
    "conv6": (14, 256, 116),
}


@pytest.fixture(scope="module")
def full():
    return ZFNetFace(dtype="bfloat16")  # half the memory of float32


@pytest.mark.slow
def test_size_is_the_papers(full):
    # Batch norm's gamma and beta instead of biases: 2,432 parameters more in the
    # convolutions. The paper says 140M and 1.6B.
    assert round(full.count_params() / 1e6) == 140
    assert round(multiply_accumulates(full) / 1e9, 1) == 1.6
    assert full.output_shape == (None, 128)


@pytest.mark.parametrize("name", ROWS)
def test_each_convolution_is_the_papers(full, name):
    size, channels, millions = ROWS[name]
    layer = full.get_layer(f"{name}_conv")
    assert layer.output.shape == (None, size, size, channels)
    # The table counts biases, which batch norm has replaced here.
    weights = np.prod(layer.kernel.shape) + channels
    assert round(size * size * weights / 1e6) == millions


def test_dense_layers_are_the_papers(full):
    shapes = [full.get_layer(name).kernel.shape for name in ("fc1", "fc2", "fc7128")]
    assert shapes == [(7 * 7 * 256, 2 * 4096), (4096, 2 * 4096), (4096, 128)]


def test_forward_pass_equals_a_slow_oracle():
    keras.utils.set_random_seed(0)
    backbone = ZFNetFace(
        3, width_multiplier=1 / 32, height=40, width=56, dtype="float64"
    )
    randomize(backbone)
    image = np.random.default_rng(0).normal(size=(40, 56, 3))
    slow = SlowNetwork(backbone, epsilon=1e-5)
    value = slow.conv_bn_relu(image, "conv1", 2)
    for names in (
        ("conv2a", "conv2"),
        ("conv3a", "conv3"),
        ("conv4a", "conv4", "conv5a", "conv5", "conv6a", "conv6"),
    ):
        value = max_pool(value)
        for name in names:
            value = slow.conv_bn_relu(value, name)
    value = max_pool(value).reshape(-1)
    for name in ("fc1", "fc2"):
        value = slow.dense(value, name).reshape(2, -1).max(axis=0)
    expected = slow.dense(value, "fc7128")
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
