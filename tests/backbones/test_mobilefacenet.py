"""Tests for tf_sphereface.backbones.mobilefacenet."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.slow_network import SlowNetwork, randomize
from tf_sphereface.backbones import MobileFaceNet, multiply_accumulates


def trainable_count(backbone):
    return sum(int(np.prod(weight.shape)) for weight in backbone.trainable_weights)


def test_parameters_at_112_by_96_are_the_pytorch_ports():
    backbone = MobileFaceNet()
    # PyTorch counts no moving statistics: 9,792 means and as many variances.
    assert trainable_count(backbone) == 999_552
    assert backbone.count_params() == 999_552 + 2 * 9_792
    assert backbone.output_shape == (None, 128)


def test_multiply_accumulates_at_112_by_112_are_the_papers_221_million():
    backbone = MobileFaceNet(width=112)
    assert round(multiply_accumulates(backbone) / 1e6) == 221
    # The last depthwise kernel is 7 x 7 here, and 7 x 6 at 112 x 96. The paper's 0.99
    # million parameters are without the PReLUs' and with rounding down.
    assert trainable_count(backbone) == 999_552 + 512 * 7


@pytest.mark.quick_cases("256")
@pytest.mark.parametrize("embedding_dim", [256, 512])
def test_a_longer_embedding_costs_its_convolution_and_batch_norm(embedding_dim):
    backbone = MobileFaceNet(embedding_dim)
    assert trainable_count(backbone) == 999_552 + (embedding_dim - 128) * (512 + 2)


def test_layers_are_named_by_the_ports_module_paths():
    names = [
        layer.name
        for layer in MobileFaceNet(width_multiplier=1 / 32).layers
        if layer.weights
    ]
    parts = ("conv", "bn", "prelu")
    expected = [f"{block}_{part}" for block in ("conv1", "dw_conv1") for part in parts]
    for block in range(15):
        expected += [f"blocks_{block}_conv_{place}" for place in range(8)]
    expected += [f"conv2_{part}" for part in parts]
    expected += ["linear7_conv", "linear7_bn", "linear1_conv", "linear1_bn"]
    assert names == expected


def test_forward_pass_equals_a_slow_oracle():
    keras.utils.set_random_seed(0)
    backbone = MobileFaceNet(
        3, width_multiplier=1 / 16, height=32, width=48, dtype="float64"
    )
    randomize(backbone)
    image = np.random.default_rng(0).normal(size=(32, 48, 3))
    slow = SlowNetwork(backbone, epsilon=1e-5)

    def activated(values, name):
        return slow.prelu(slow.batch_norm(values, f"{name}_bn"), f"{name}_prelu")

    value = activated(slow.conv(image, "conv1_conv", 2), "conv1")
    value = activated(slow.depthwise_conv(value, "dw_conv1_conv"), "dw_conv1")
    strided = {0, 5, 12}  # blocks; the others have a residual
    for number in range(15):
        name = f"blocks_{number}_conv"
        branch = slow.batch_norm(slow.conv(value, f"{name}_0"), f"{name}_1")
        branch = slow.prelu(branch, f"{name}_2")
        stride = 2 if number in strided else 1
        branch = slow.depthwise_conv(branch, f"{name}_3", stride)
        branch = slow.prelu(slow.batch_norm(branch, f"{name}_4"), f"{name}_5")
        branch = slow.batch_norm(slow.conv(branch, f"{name}_6"), f"{name}_7")
        value = branch if number in strided else value + branch
    value = activated(slow.conv(value, "conv2_conv"), "conv2")
    assert value.shape[:2] == (2, 3)
    value = slow.depthwise_conv(value, "linear7_conv", padding=(0, 0))
    value = slow.conv(slow.batch_norm(value, "linear7_bn"), "linear1_conv")
    expected = slow.batch_norm(value, "linear1_bn").reshape(-1)
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_prelus_have_one_alpha_per_channel_and_convolutions_no_bias():
    for layer in MobileFaceNet(width_multiplier=1 / 32, height=32, width=32).layers:
        if isinstance(layer, keras.layers.PReLU):
            assert layer.alpha.shape == (1, 1, layer.output.shape[-1])
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            assert not layer.use_bias
