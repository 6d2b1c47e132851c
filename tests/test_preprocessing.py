"""Tests for tf_sphereface.preprocessing."""

import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.preprocessing import (
    NAMED_PIXELS,
    PixelContract,
    chosen_pixels,
    mirror,
)

IMAGENET = PixelContract(channel_order="BGR", **NAMED_PIXELS["imagenet"])


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


@pytest.mark.parametrize(
    "shape", [(2, 5, 4, 3), (5, 4, 3), (1, 1, 1, 3), (0, 5, 4, 3), (2, 3, 5, 4, 1)]
)
def test_pixels_are_mirrored_as_any_numbers(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    pixels.flags.writeable = False
    for view in (pixels, pixels[::-1], pixels[..., ::-1]):
        mirrored = mirror(view)
        assert mirrored.dtype == np.uint8
        np.testing.assert_array_equal(mirrored, mirror(view.astype(np.int64)))


def test_mirrored_pixels_lie_in_order():
    """NumPy takes ten times as long to copy a mirrored view."""
    assert mirror(np.zeros((2, 5, 4, 3), np.uint8)).flags.c_contiguous


@pytest.mark.parametrize("contract", [PixelContract(channel_order="BGR"), IMAGENET])
def test_numpy_and_a_tf_data_graph_agree(contract):
    faces = np.random.default_rng(0).uniform(0, 255, (4, 112, 96, 3)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(faces)
    dataset = dataset.map(lambda face: contract.normalize(mirror(face)))
    graph = np.stack(list(dataset.as_numpy_iterator()))
    expected = contract.normalize(mirror(faces))
    assert expected.dtype == np.float32
    np.testing.assert_allclose(graph, expected, atol=1e-6)


def test_values_of_channels_are_in_the_networks_order():
    colour = np.array([10.0, 20, 30]).reshape(1, 1, 3)
    contract = PixelContract(channel_order="BGR", mean=[1, 2, 3], scale=(4, 5, 6))
    expected = [(30 - 1) / 4, (20 - 2) / 5, (10 - 3) / 6]
    np.testing.assert_allclose(contract.normalize(colour)[0, 0], expected)
    assert contract.ends() == ((0 - 3) / 6, (255 - 1) / 4)
    assert contract.formula == "BGR, (pixel - (1, 2, 3)) / (4, 5, 6)"
    assert hash(contract) == hash(
        PixelContract(channel_order="BGR", mean=(1, 2, 3), scale=(4, 5, 6))
    )


@pytest.mark.parametrize(
    ("own", "given", "rescaled_by", "contract", "note"),
    [
        (
            None,
            {},
            None,
            PixelContract(8, 6),
            "assumed RGB, (pixel - 127.5) / 128; say",
        ),
        (
            None,
            {},
            "r",
            PixelContract(8, 6, mean=0, scale=1),
            "layer r rescales pixels",
        ),
        (
            None,
            {"mean": 0, "scale": 255},
            None,
            PixelContract(8, 6, "RGB", 0, 255),
            None,
        ),
        (
            None,
            {"mean": 0, "scale": 9},
            "r",
            PixelContract(8, 6, "RGB", 0, 9),
            "too: is",
        ),
        (None, NAMED_PIXELS["raw"], "r", PixelContract(8, 6, "RGB", 0, 1), None),
        (
            None,
            {"channel_order": "BGR"},
            None,
            PixelContract(8, 6, "BGR"),
            "assumed BGR",
        ),
        (IMAGENET, {}, None, IMAGENET, None),
        (PixelContract(), {"channel_order": "BGR"}, None, None, "replaced by BGR"),
    ],
)
def test_what_is_assumed_of_a_model_is_said(own, given, rescaled_by, contract, note):
    found, words = chosen_pixels("m.keras", own, (8, 6), given, rescaled_by)
    assert found == (contract or PixelContract(channel_order="BGR"))
    assert (words is None) if note is None else (note in words)
    assert words is None or words.startswith("m.keras ")


@pytest.mark.parametrize(
    "arguments",
    [
        {"height": 0},
        {"width": -1},
        {"height": 100_000},
        {"channel_order": "rgb"},
        {"scale": 0},
        {"scale": float("inf")},
        {"mean": float("nan")},
        {"mean": (1.0, 2.0)},
        {"scale": (1.0, 0.0, 1.0)},
    ],
)
def test_bad_contract_is_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        PixelContract(**arguments)
