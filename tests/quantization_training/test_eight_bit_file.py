"""Tests for the plan of the 8-bit file and its writing, which need no tfmot."""

import keras
import numpy as np
import pytest

from tests.quantization_training.test_folding import embeddings_of, shaken, uneven
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.quantization_training.eight_bit_file import (
    plan_eight_bits,
    to_eight_bit_tflite,
)
from tf_sphereface.quantization_training.folding import unfolded_weights
from tf_sphereface.quantization_training.plan import read_plan
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph


def network():
    """Two convolutions with a depthwise one and PReLUs between, and an end of 1 x 1."""
    layers, images = keras.layers, keras.Input((16, 16, 3), name="aligned_face")
    outputs = layers.ZeroPadding2D(1, name="pad")(images)
    outputs = layers.Conv2D(6, 3, strides=2, use_bias=False, name="first")(outputs)
    outputs = layers.BatchNormalization(name="first_bn")(outputs)
    outputs = layers.PReLU(shared_axes=[1, 2], name="first_prelu")(outputs)
    outputs = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(outputs)
    outputs = layers.BatchNormalization(name="depthwise_bn")(outputs)
    outputs = layers.PReLU(shared_axes=[1, 2], name="second_prelu")(outputs)
    outputs = inner = layers.Conv2D(5, 1, name="middle")(outputs)
    outputs = layers.ReLU(name="relu")(outputs)
    outputs = layers.Conv2D(5, 3, padding="same", name="again")(outputs)
    outputs = layers.Add(name="sum")([inner, outputs])
    outputs = layers.DepthwiseConv2D(8, use_bias=False, name="global")(outputs)
    outputs = layers.Conv2D(4, 1, use_bias=False, name="last")(outputs)
    model = shaken(keras.Model(images, layers.Flatten(name="flatten")(outputs)))
    model = uneven(model, "depthwise_bn", "middle")
    model.pixel_contract = PixelContract(16, 16)
    return model


IMAGES = np.random.default_rng(2).uniform(-1, 1, (12, 16, 16, 3)).astype("float32")


@pytest.fixture(scope="module")
def planned():
    """A network and its plan."""
    backbone = network()
    return backbone, plan_eight_bits(backbone, IMAGES)


def with_plan(plan):
    """The network with the weights of a plan."""
    backbone = network()
    weights = {layer.name: list(layer.weights) for layer in plan.network.layers}
    for name, arrays in unfolded_weights(read_plan(backbone), weights).items():
        backbone.get_layer(name).set_weights(arrays)
    return backbone


def test_an_equalised_plan_computes_the_same_with_channels_alike(planned):
    backbone, plan = planned
    expected = embeddings_of(backbone)
    actual = embeddings_of(equalized := with_plan(plan))
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
    assert spread(equalized) < spread(backbone) / 3


def spread(backbone):
    """Greatest over least reach of the channels of an activation that is 8 bits."""
    inner = keras.Model(backbone.input, backbone.get_layer("second_prelu").output)
    reach = np.abs(inner(IMAGES)).max(axis=(0, 1, 2))
    return reach.max() / reach.min()


def test_what_an_export_leaves_float_is_not_rounded(planned):
    _, plan = planned
    assert plan.rounded == {
        *("pad", "first", "second_prelu", "middle", "relu", "again", "sum")
    }
    assert plan.per_channel == {
        *("first", "depthwise", "middle", "again", "global", "last")
    }


def test_the_file_has_the_ranges_that_were_trained(planned):
    _, plan = planned
    ranges = {"first": (-3.0, 5.0), "second_prelu": (-0.5, 1.5), "relu": (0.0, 2.5)}
    content = to_eight_bit_tflite(with_plan(plan), IMAGES[:1], ranges)
    scales = {}
    graph = TFLiteGraph(content)
    for tensor in graph.model.subgraphs[0].tensors:
        name = tensor.name.decode()
        if "dequant" not in name and graph.model.buffers[tensor.buffer].data is None:
            for layer in ranges:
                if f"/{layer}_1/" in name and len(tensor.quantization.scale or ()):
                    scales[layer] = float(tensor.quantization.scale[0])
    expected = {layer: (high - low) / 255 for layer, (low, high) in ranges.items()}
    assert scales == pytest.approx(expected, rel=1e-5)
