"""Tests for tf_sphereface.backbones.inception_face."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.slow_network import SlowNetwork, max_pool, randomize, windows
from tf_sphereface.backbones import InceptionFace, multiply_accumulates
from tf_sphereface.backbones.inception_face import MODULES

# Table 2 of the paper: output size, thousands of parameters, millions of FLOPS
# (multiply-accumulates).
ROWS = {
    "conv1": (112, 64, 9, 119),
    "inception_2": (56, 192, 115, 360),
    "inception_3a": (28, 256, 164, 128),
    "inception_3b": (28, 320, 228, 179),
    "inception_3c": (14, 640, 398, 108),
    "inception_4a": (14, 640, 545, 107),
    "inception_4b": (14, 640, 595, 117),
    "inception_4c": (14, 640, 654, 128),
    "inception_4d": (14, 640, 722, 142),
    "inception_4e": (7, 1024, 717, 56),
    "inception_5a": (7, 1024, 1600, 78),
    "inception_5b": (7, 1024, 1600, 78),
}


@pytest.fixture(scope="module")
def full():
    return InceptionFace(dtype="bfloat16")


@pytest.mark.slow
def test_size_is_the_papers(full):
    # Batch norm's gamma and beta instead of biases: the paper's 7.5M either way.
    trainable = sum(int(np.prod(w.shape)) for w in full.trainable_weights)
    assert round(trainable / 1e6, 1) == 7.5
    assert round(multiply_accumulates(full) / 1e9, 1) == 1.6


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_the_papers(full, name):
    size, channels, thousands, millions = ROWS[name]
    convolutions = [
        layer
        for layer in full.layers
        if layer.name.startswith(f"{name}_") and hasattr(layer, "kernel")
    ]
    # The table counts biases, which batch norm has replaced here.
    weights = [np.prod(la.kernel.shape) + la.kernel.shape[-1] for la in convolutions]
    places = [np.prod(la.output.shape[1:3]) for la in convolutions]
    if thousands == 1600:  # the last two rows are rounded to a tenth of a million
        assert round(sum(weights) / 1e6, 1) == 1.6
    else:
        # 4a and others are cut off rather than rounded.
        assert thousands in (int(sum(weights) / 1e3), round(sum(weights) / 1e3))
    assert round(np.dot(weights, places) / 1e6) == millions
    last = {"conv1": "conv1_relu", "inception_2": "inception_2_3x3_relu"}
    output = full.get_layer(last.get(name, f"{name}_concat")).output
    assert output.shape == (None, size, size, channels)


@pytest.mark.slow
def test_forward_pass_equals_a_slow_oracle():
    keras.utils.set_random_seed(0)
    backbone = InceptionFace(
        3, width_multiplier=1 / 16, height=40, width=56, dtype="float64"
    )
    randomize(backbone)
    image = np.random.default_rng(0).normal(size=(40, 56, 3))
    slow = SlowNetwork(backbone, epsilon=1e-5)
    value = max_pool(slow.conv_bn_relu(image, "conv1", 2))
    value = slow.conv_bn_relu(value, "inception_2_3x3_reduce")
    value = max_pool(slow.conv_bn_relu(value, "inception_2_3x3"))
    for part in ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name, halving = f"inception_{part}", part in ("3c", "4e")
        stride = 2 if halving else 1
        ends = [] if halving else [slow.conv_bn_relu(value, f"{name}_1x1")]
        for size in ("3x3", "5x5"):
            reduced = slow.conv_bn_relu(value, f"{name}_{size}_reduce")
            ends.append(slow.conv_bn_relu(reduced, f"{name}_{size}", stride))
        if part in ("3a", "5b") or halving:
            pooled = max_pool(value, stride)
        else:
            pooled = np.sqrt((windows(value, (3, 3)) ** 2).sum(axis=(-2, -1)))
        if not halving:
            pooled = slow.conv_bn_relu(pooled, f"{name}_pool_projection")
        value = np.concatenate([*ends, pooled], axis=-1)
    expected = slow.dense(value.mean(axis=(0, 1)), "fc")
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_modules_are_in_the_papers_order():
    assert [module.name for module in MODULES] == list(ROWS)[2:]
