"""Tests for tf_sphereface.preprocessing."""

import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.preprocessing import PixelContract, mirror


def test_normalize_is_the_papers_formula():
    pixels = np.array([0, 127.5, 255.0], np.float32).reshape(1, 1, 3)
    expected = [-127.5 / 128, 0.0, 127.5 / 128]
    np.testing.assert_allclose(PixelContract().normalize(pixels)[0, 0], expected)


def test_bgr_contract_swaps_red_and_blue():
    red = np.zeros((1, 1, 3), np.float32) + [255.0, 127.5, 0.0]
    blue_first = PixelContract(channel_order="BGR").normalize(red)[0, 0]
    np.testing.assert_allclose(blue_first, [-127.5 / 128, 0.0, 127.5 / 128])


def test_mirror_swaps_left_and_right_only():
    image = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    mirrored = mirror(image)
    np.testing.assert_array_equal(mirrored[:, 0], image[:, 2])
    np.testing.assert_array_equal(mirrored[:, 1], image[:, 1])


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_numpy_and_a_tf_data_graph_agree(order):
    contract = PixelContract(channel_order=order)
    faces = np.random.default_rng(0).uniform(0, 255, (4, 112, 96, 3)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(faces)
    dataset = dataset.map(lambda face: contract.normalize(mirror(face)))
    graph = np.stack(list(dataset.as_numpy_iterator()))
    np.testing.assert_allclose(graph, contract.normalize(mirror(faces)), atol=1e-7)


@pytest.mark.parametrize(
    "arguments",
    [
        {"height": 0},
        {"width": -1},
        {"channel_order": "rgb"},
        {"scale": 0},
        {"scale": float("inf")},
        {"mean": float("nan")},
    ],
)
def test_bad_contract_is_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        PixelContract(**arguments)
