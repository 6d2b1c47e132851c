"""Tests for tf_sphereface.backbones.inception_resnet_v1."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backbones.slow_network import SlowNetwork, max_pool, randomize
from tf_sphereface.backbones import InceptionResNetV1, multiply_accumulates


@pytest.mark.slow
def test_parameters_are_those_of_the_public_networks():
    # facenet-pytorch with a classifier of 8,631 people has 27,910,327 parameters.
    backbone = InceptionResNetV1(dtype="bfloat16")
    trainable = sum(int(np.prod(w.shape)) for w in backbone.trainable_weights)
    assert trainable + (512 + 1) * 8631 == 27_910_327
    # No publication gives the arithmetic at 160 x 160; the same count gives what the
    # papers of the other backbones say.
    assert multiply_accumulates(backbone) == 1_417_662_304


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    backbone = InceptionResNetV1(
        3, width_multiplier=1 / 16, height=75, width=107, dtype="float64"
    )
    randomize(backbone)
    return backbone


def residual(slow, value, name, sizes, scale, relu=True):
    ends = []
    for number, count in enumerate(sizes):
        end = value
        for place in range(count):
            part = f"{name}_branch{number}" + (f"_{place}" if count > 1 else "")
            end = slow.conv_bn_relu(end, part)
        ends.append(end)
    joined = slow.conv(np.concatenate(ends, axis=-1), f"{name}_conv2d")
    value = value + scale * joined
    return np.maximum(value, 0) if relu else value


@pytest.mark.slow
def test_forward_pass_equals_a_slow_oracle(small):
    image = np.random.default_rng(0).normal(size=(75, 107, 3))
    slow, bare = SlowNetwork(small, epsilon=1e-3), (0, 0)

    def halved(value, *names):
        for name in names[:-1]:
            value = slow.conv_bn_relu(value, name)
        return slow.conv_bn_relu(value, names[-1], 2, bare)

    value = slow.conv_bn_relu(image, "conv2d_1a", 2, bare)
    value = slow.conv_bn_relu(value, "conv2d_2a", 1, bare)
    value = max_pool(slow.conv_bn_relu(value, "conv2d_2b"), 2, bare)
    value = slow.conv_bn_relu(value, "conv2d_3b")
    value = slow.conv_bn_relu(value, "conv2d_4a", 1, bare)
    value = slow.conv_bn_relu(value, "conv2d_4b", 2, bare)
    for number in range(5):
        value = residual(slow, value, f"repeat_1_{number}", (1, 2, 3), 0.17)
    ends = [
        halved(value, "mixed_6a_branch0"),
        halved(value, *(f"mixed_6a_branch1_{place}" for place in range(3))),
        max_pool(value, 2, bare),
    ]
    value = np.concatenate(ends, axis=-1)
    for number in range(10):
        value = residual(slow, value, f"repeat_2_{number}", (1, 3), 0.1)
    ends = [
        halved(value, *(f"mixed_7a_branch{branch}_{place}" for place in range(count)))
        for branch, count in enumerate((2, 2, 3))
    ]
    value = np.concatenate([*ends, max_pool(value, 2, bare)], axis=-1)
    assert value.shape[:2] == (1, 2)
    for number in range(5):
        value = residual(slow, value, f"repeat_3_{number}", (1, 3), 0.2)
    value = residual(slow, value, "block8", (1, 3), 1.0, relu=False)
    value = slow.dense(value.mean(axis=(0, 1)), "last_linear")
    expected = slow.batch_norm(value, "last_bn")
    actual = ops.convert_to_numpy(small(image[None]))[0]
    # Keras rounds the scales of the residuals to float32.
    np.testing.assert_allclose(actual, expected, rtol=1e-7)


def test_long_kernels_lie_before_they_stand(small):
    shapes = [
        small.get_layer(f"repeat_2_0_branch1_{place}_conv").kernel.shape[:2]
        for place in range(3)
    ]
    assert shapes == [(1, 1), (1, 7), (7, 1)]
    shapes = [
        small.get_layer(f"repeat_3_0_branch1_{place}_conv").kernel.shape[:2]
        for place in range(3)
    ]
    assert shapes == [(1, 1), (1, 3), (3, 1)]


def test_images_below_75_pixels_are_refused():
    with pytest.raises(ValueError, match="`height` and `width` must be at least 75"):
        InceptionResNetV1(height=112, width=74)
