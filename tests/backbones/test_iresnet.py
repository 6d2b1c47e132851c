"""Tests for tf_sphereface.backbones.iresnet."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.slow_network import SlowNetwork, randomize
from tf_sphereface.backbones import IResNet, multiply_accumulates


@pytest.mark.parametrize(
    ("depth", "millions", "giga"),
    [
        (18, 24.0, 2.6),
        pytest.param(50, 43.6, 6.3, marks=pytest.mark.slow),
        pytest.param(100, 65.2, 12.1, marks=pytest.mark.slow),
    ],
)
def test_size_is_insightfaces(depth, millions, giga):
    # bfloat16: only to build faster. InsightFace's table: 6.33 and 12.12 GFLOPs for
    # the two larger ones, 2.62 for the smallest.
    backbone = IResNet(depth, dtype="bfloat16")
    trainable = sum(int(np.prod(w.shape)) for w in backbone.trainable_weights)
    assert round(trainable / 1e6, 1) == millions
    assert round(multiply_accumulates(backbone) / 1e9, 1) == giga
    assert backbone.output_shape == (None, 512)


def test_dense_layer_has_7_by_6_places_for_112_by_96():
    backbone = IResNet(18, width_multiplier=1 / 32, width=96)
    assert backbone.get_layer("fc").kernel.shape == (7 * 6 * 16, 512)


def test_layers_are_named_by_insightfaces_module_paths():
    names = {
        layer.name
        for layer in IResNet(18, 4, width_multiplier=1 / 64).layers
        if layer.weights
    }
    expected = {"conv1", "bn1", "prelu", "bn2", "fc", "features"}
    for stage in (1, 2, 3, 4):
        expected |= {f"layer{stage}_0_downsample_{place}" for place in (0, 1)}
        expected |= {
            f"layer{stage}_{block}_{part}"
            for block in (0, 1)
            for part in ("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")
        }
    assert names == expected


def test_forward_pass_equals_a_slow_oracle():
    keras.utils.set_random_seed(0)
    backbone = IResNet(18, 3, 1 / 16, height=32, width=48, dtype="float64")
    randomize(backbone)
    image = np.random.default_rng(0).normal(size=(32, 48, 3))
    slow = SlowNetwork(backbone, epsilon=1e-5)
    value = slow.prelu(slow.batch_norm(slow.conv(image, "conv1"), "bn1"), "prelu")
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}_{block}", 1 if block else 2
            branch = slow.conv(slow.batch_norm(value, f"{name}_bn1"), f"{name}_conv1")
            branch = slow.prelu(slow.batch_norm(branch, f"{name}_bn2"), f"{name}_prelu")
            branch = slow.conv(branch, f"{name}_conv2", stride)
            branch = slow.batch_norm(branch, f"{name}_bn3")
            if block == 0:
                value = slow.conv(value, f"{name}_downsample_0", 2)
                value = slow.batch_norm(value, f"{name}_downsample_1")
            value = value + branch
    value = slow.dense(slow.batch_norm(value, "bn2").reshape(-1), "fc")
    expected = slow.batch_norm(value, "features")
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_gamma_of_the_embedding_is_not_trained():
    backbone = IResNet(18, 4, 1 / 64, height=16, width=16)
    features = backbone.get_layer("features")
    trained = {id(weight) for weight in backbone.trainable_weights}
    assert id(features.gamma) not in trained
    backbone.frozen_stages = 3
    backbone.frozen_stages = 0
    assert not features.gamma.trainable
    assert id(features.beta) in trained


def test_pixels_are_insightfaces_unless_told_otherwise():
    small = {"width_multiplier": 1 / 64, "height": 16, "width": 16}
    assert IResNet(18, 4, **small).pixel_contract.scale == 127.5
    assert IResNet(18, 4, pixel_scale=128.0, **small).pixel_contract.scale == 128.0


def test_dropout_acts_in_training_only():
    keras.utils.set_random_seed(0)
    backbone = IResNet(18, 4, 1 / 16, height=32, width=32, dropout=0.5)
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
    twice = [ops.convert_to_numpy(backbone(image)) for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    before = backbone.get_layer("dropout")
    ones = np.ones((1, 100), "float32")
    assert (ops.convert_to_numpy(before(ones, training=True)) == 0).any()


def test_an_unknown_depth_is_named():
    with pytest.raises(ValueError, match="`depth` must be one of .* depth=20"):
        IResNet(20)
