"""Tests for tf_sphereface.backbones.l2_pooling."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tests.backbones.slow_network import windows
from tf_sphereface.backbones.l2_pooling import L2Pooling2D


def test_values_are_norms_of_windows():
    images = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    actual = ops.convert_to_numpy(L2Pooling2D(dtype="float64")(images))
    expected = [
        np.linalg.norm(windows(image, (3, 3)), axis=(-2, -1)) for image in images
    ]
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_zeros_have_a_gradient_of_zero():
    layer = L2Pooling2D()
    images = np.zeros((1, 4, 4, 1), "float32")
    _, (gradient,) = gradients(lambda values: ops.sum(layer(values)), [images])
    assert (gradient == 0).all()


def test_layer_with_a_policy_is_made_again():
    layer = L2Pooling2D(name="mine", dtype=keras.DTypePolicy("mixed_bfloat16"))
    again = L2Pooling2D.from_config(layer.get_config())
    assert (again.name, again.compute_dtype) == ("mine", "bfloat16")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_does_not_overflow(dtype):
    images = np.full((1, 3, 3, 1), 1000.0, "float32")
    outputs = L2Pooling2D(dtype=dtype)(ops.cast(images, dtype))
    assert outputs.dtype == dtype or dtype in str(outputs.dtype)
    values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    assert values[0, 1, 1, 0] == pytest.approx(3000.0, rel=0.01)
