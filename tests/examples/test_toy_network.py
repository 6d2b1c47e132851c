"""Tests for examples.toy_network."""

import keras
import numpy as np
import pytest

from toy_network import toy_network


@pytest.mark.parametrize("size", [(28, 28), (8, 8)])
@pytest.mark.parametrize("dim", [2, 3])
def test_images_become_embeddings(size, dim):
    images = np.random.default_rng(0).normal(size=(5, *size, 1)).astype("float32")
    embeddings = keras.ops.convert_to_numpy(toy_network(size, dim)(images))
    assert embeddings.shape == (5, dim) and embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all() and len(np.unique(embeddings)) == 5 * dim


def test_nothing_bounds_the_embedding():
    keras.utils.set_random_seed(1)
    network = toy_network((8, 8), 3)
    assert isinstance(network.layers[-1], keras.layers.Dense)
    assert network.layers[-1].activation is keras.activations.linear


def test_half_precision_gives_embeddings_of_full_precision():
    network = toy_network((8, 8), 2, "mixed_bfloat16")
    embeddings = network(np.ones((1, 8, 8, 1), "float32"))
    assert keras.backend.standardize_dtype(embeddings.dtype) == "float32"
    convolutions = [each for each in network.layers if "conv" in each.name]
    assert len(convolutions) == 6
    assert {each.compute_dtype for each in convolutions} == {"bfloat16"}


def test_a_prelu_has_one_slope_a_channel():
    network = toy_network((8, 8), 2)
    slopes = [each.alpha.shape for each in network.layers if "re_lu" in each.name]
    assert slopes == [(1, 1, width) for width in (16, 16, 32, 32, 64, 64)]
