"""Tests for twin, quantizers and eight_bit_file, in a process of their own."""

import numpy as np
import pytest

from tests.quantization_training.conftest import TWINS, needs_tfmot

pytestmark = needs_tfmot


@pytest.mark.parametrize("name", TWINS)
def test_twin_gives_the_backbones_embeddings(twins, name):
    assert twins["twins"][name] <= 1e-5


def test_a_twin_with_other_weights_is_an_error(twins):
    assert "gives other embeddings" in twins["other"]


@pytest.mark.parametrize("scales", ["per_channel", "per_tensor"])
def test_kernels_are_multiples_of_their_scales(twins, scales):
    """A multiple from -127 to 127, by NumPy; per channel over the right axis."""
    for name, axes in (("conv", (0, 1, 2)), ("depthwise", (0, 1))):
        kernel, stored = map(np.array, twins[scales]["kernels"][name])
        if scales == "per_tensor":
            axes = None
        scale = np.abs(kernel).max(axis=axes, keepdims=True) / 127
        expected = np.round(kernel / scale) * scale
        # A value halfway between two multiples may go either way.
        far = np.abs(stored - expected) > 1e-6
        assert np.abs(stored - kernel)[far].max(initial=0) <= 0.5001 * scale.max()
        assert far.mean() < 0.01


def test_scales_for_each_channel_lose_less(twins):
    def loss(scales):
        kernel, stored = map(np.array, twins[scales]["kernels"]["depthwise"])
        return np.square(kernel - stored).sum()

    assert loss("per_channel") < loss("per_tensor")


def cosines(one, other):
    one, other = np.array(one), np.array(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


@pytest.mark.parametrize("scales", ["per_channel", "per_tensor"])
def test_the_file_computes_what_was_trained(twins, scales):
    run = twins[scales]
    stored = cosines(run["stored"], run["simulated"])
    assert stored.min() > 0.99
    # The rounding is there: what is trained is not the float network.
    assert 1 - cosines(run["simulated"], run["float"]).max() > 1e-6


def test_the_file_is_integer_inside_and_float_outside(twins):
    run = twins["per_channel"]
    assert run["input"] == [1, 32, 32, 3]
    assert set(run["dtypes"]) <= {"float32", "int8", "int32"}
    assert run["floats"] == 2  # the input and the output
