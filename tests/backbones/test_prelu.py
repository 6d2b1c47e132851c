"""Tests for tf_sphereface.backbones.prelu."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface.backbones.prelu import PReLU
from tf_sphereface.one_pass import compiles

SLOPES = np.array([0.25, -0.5, 0.0, 1.5], "float32")  # exact in bfloat16


def built(dtype, shape=(3, 5, 6, 4), shared_axes=(1, 2)):
    layer = PReLU(shared_axes=shared_axes, dtype=dtype)
    layer.build(shape)
    layer.alpha.assign(ops.broadcast_to(SLOPES, layer.alpha.shape))
    return layer


def points(shape=(3, 5, 6, 4)):
    """Values with zeros among them, and gradients from above, exact in bfloat16."""
    rng = np.random.default_rng(0)
    values, upstream = rng.integers(-8, 9, size=(2, *shape)) / 8
    return values.astype("float32"), upstream.astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float64"])
def test_values_in_training_are_those_of_inference_to_the_bit(dtype):
    layer, rng = built(dtype), np.random.default_rng(1)
    inputs = ops.cast(rng.normal(size=(3, 5, 6, 4)), layer.compute_dtype)
    expected, actual = layer(inputs), layer(inputs, training=True)
    assert actual.dtype == expected.dtype
    actual, expected = (
        ops.convert_to_numpy(ops.cast(part, "float64")) for part in (actual, expected)
    )
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("shared_axes", [(1, 2), (2,), None])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6), ("bfloat16", 4e-3)]
)
def test_gradients_are_those_of_the_formula(dtype, tolerance, shared_axes):
    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype
    layer, (values, upstream) = built(policy, shared_axes=shared_axes), points()
    alpha = ops.convert_to_numpy(layer.alpha).astype("float64")

    def weighted(inputs):
        outputs = layer(ops.cast(inputs, dtype), training=True)
        return ops.sum(ops.multiply(ops.cast(outputs, "float32"), upstream))

    _, (by_inputs, by_alpha) = gradients(weighted, [values], layer)
    wide = upstream.astype("float64")
    slope = np.where(values > 0, 1.0, np.where(values < 0, alpha, 0.0))
    np.testing.assert_allclose(by_inputs, slope * wide, rtol=tolerance)
    expected = np.minimum(values, 0.0) * wide
    axes = (0, *(shared_axes or ()))
    expected = expected.sum(axis=axes).reshape(alpha.shape)
    np.testing.assert_allclose(by_alpha, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(not compiles(), reason="other libraries add up in their own way")
def test_sums_of_half_precision_are_rounded_once():
    """Terms of both signs, whose sum is far below the terms added up on the way."""
    layer = PReLU(shared_axes=[1, 2], dtype="mixed_bfloat16")
    rng = np.random.default_rng(0)
    upstream = rng.integers(-128, 129, size=(1, 64, 64, 16)).astype("float32") / 128
    values = -np.ones(upstream.shape, "float32")
    layer.build(values.shape)

    def weighted(inputs):
        outputs = layer(ops.cast(inputs, "bfloat16"), training=True)
        return ops.sum(ops.multiply(ops.cast(outputs, "float32"), upstream))

    _, (_, by_alpha) = gradients(weighted, [values], layer)
    expected = -upstream.astype("float64").sum(axis=(0, 1, 2))
    np.testing.assert_allclose(by_alpha[0, 0], expected, rtol=2**-8)


def test_many_shapes_are_no_matter_for_a_warning(caplog):
    for side in range(1, 9):
        layer = PReLU(shared_axes=[1, 2])
        layer(np.ones((1, side, 1, 1), "float32"), training=True)
    assert not caplog.records


def test_symbolic_call_in_training_keeps_the_shape():
    outputs = PReLU(shared_axes=[1, 2])(keras.Input((5, 4, 3)), training=True)
    assert outputs.shape == (None, 5, 4, 3)


def test_layer_is_made_again():
    layer = PReLU(shared_axes=[1, 2], name="mine", dtype="mixed_bfloat16")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert (type(again), again.name, again.shared_axes) == (PReLU, "mine", [1, 2])
    assert again.compute_dtype == "bfloat16"
