"""Tests for twin and quantizers, in a process of their own."""

import numpy as np
import pytest

from tests.quantization_training.conftest import TWINS, needs_tfmot

pytestmark = needs_tfmot
STARTS = ("equalized", "plain")


@pytest.mark.parametrize("name", TWINS)
def test_twin_gives_the_backbones_embeddings(twins, name):
    assert twins["twins"][name] <= 1e-5


def test_a_twin_with_other_weights_is_an_error(twins):
    assert "gives other embeddings" in twins["other"]


@pytest.mark.parametrize("start", STARTS)
def test_the_twin_of_eight_bits_gives_the_backbones_embeddings(twins, start):
    assert twins[start]["twin_error"] <= 1e-5


@pytest.mark.parametrize("start", STARTS)
def test_kernels_are_multiples_of_their_scales(twins, start):
    """A multiple from -127 to 127, by NumPy; per channel over the right axis."""
    axes = {"conv": (0, 1, 2), "depthwise": (0, 1), "dense": (0,)}
    for name, over in axes.items():
        kernel, stored = map(np.array, twins[start]["kernels"][name])
        scale = np.abs(kernel).max(axis=over, keepdims=True) / 127
        expected = np.round(kernel / scale) * scale
        # A value halfway between two multiples may go either way.
        far = np.abs(stored - expected) > 1e-6
        assert np.abs(stored - kernel)[far].max(initial=0) <= 0.5001 * scale.max()
        assert far.mean() < 0.01


@pytest.mark.parametrize("start", STARTS)
def test_outputs_that_are_8_bits_in_the_file_are_rounded(twins, start):
    passed_on = {"pad", "pool", "flatten"}  # they have their inputs' scales
    assert set(twins[start]["rounded"]) == set(twins[start]["planned"]) - passed_on
    assert {"conv", "prelu", "relu", "dense"} <= set(twins[start]["rounded"])
    # The converter puts ReLU into the convolution before it.
    assert "depthwise" not in twins[start]["rounded"]


def cosines(one, other):
    one, other = np.array(one), np.array(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


@pytest.mark.parametrize("start", STARTS)
def test_the_file_computes_what_was_trained(twins, start):
    run = twins[start]
    stored = cosines(run["stored"], run["simulated"])
    assert stored.min() > 0.99
    # The rounding is there: what is trained is not the float network.
    assert 1 - cosines(run["simulated"], run["float"]).max() > 1e-6


def test_channels_that_are_alike_lose_less(twins):
    loss = {
        start: 1 - cosines(twins[start]["stored"], twins[start]["float"]).mean()
        for start in STARTS
    }
    assert loss["equalized"] < 0.7 * loss["plain"]
