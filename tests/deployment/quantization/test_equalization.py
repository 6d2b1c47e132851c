"""Tests for tf_sphereface.deployment.quantization.equalization and `packed`."""

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from tests.deployment.quantization.test_variants import embed, equalized
from tf_sphereface.backbones import MobileFaceNet
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import ROUND_DEPTHWISE, quantize
from tf_sphereface.deployment.quantization.analysis import delegate_partitions
from tf_sphereface.deployment.quantization.equalization import (
    Equalized,
    equalize,
    observe_channels,
)
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph, packed


def converted(network):
    """The float TFLite file of a Keras model."""
    return FloatModel(network, PixelContract(*network.input_shape[1:3])).content


def uneven(network, seed=0):
    """Gives the channels of all kernels and PReLUs very different sizes.

    All biases are alike: the converter stores equal ones once, for several layers.
    """
    rng = np.random.default_rng(seed)
    for layer in network._flatten_layers():
        weights = []
        for weight in layer.get_weights():
            if "conv" not in layer.name:
                weights.append(rng.normal(0.2, 0.3, weight.shape))
            elif weight.ndim == 1:
                weights.append(np.full_like(weight, 0.1))
            else:
                weights.append(weight * np.exp(rng.normal(0, 1.5, weight.shape[-1])))
        layer.set_weights(weights)
    return network


def kernels_of(content):
    """Number of kernels that the convolutions of a file have between them."""
    graph = TFLiteGraph(content)
    return len({each.inputs[1] for each in graph.operators if "CONV" in each.name})


def spread(ranges, tensors):
    """Reach of the widest channel by that of the median one, geometric mean."""
    reaches = [ranges.reach(index) for index in tensors]
    ratios = [reach.max() / np.median(reach) for reach in reaches]
    return np.exp(np.log(ratios).mean())


def far_apart(first, second):
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return 1 - ((first * second).sum(axis=1) / norms).min()


IMAGE = keras.Input((12, 12, 3))


def plain(x):
    x = layers.Conv2D(8, 3, name="conv_a")(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.DepthwiseConv2D(3, name="conv_b")(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    return layers.Conv2D(8, 1, name="conv_c")(x)


def residual(x):
    x = layers.Conv2D(8, 3, padding="same", name="conv_a")(x)
    y = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 1, name="conv_b")(x))
    y = layers.Conv2D(8, 1, name="conv_c")(y)
    return layers.Conv2D(6, 1, name="conv_d")(layers.Add()([x, y]))


def fused_relu(x):
    x = layers.Conv2D(8, 3, activation="relu", name="conv_a")(x)
    x = layers.MaxPooling2D()(x)
    # The bias is that of conv_a, for which it is multiplied, and not for this one.
    return layers.Conv2D(8, 1, name="conv_b")(x)


def multiplied(x):
    x = layers.Conv2D(8, 3, name="conv_a")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="conv_b")(x)
    return layers.Conv2D(6, 1, name="conv_c")(x)


def called_twice(x):
    shared = layers.Conv2D(8, 1, name="conv_s")
    x = layers.Conv2D(8, 3, name="conv_a")(x)
    x = layers.PReLU(shared_axes=[1, 2])(shared(x))
    x = layers.PReLU(shared_axes=[1, 2])(shared(x))
    return layers.Conv2D(6, 1, name="conv_b")(x)


def relu6(x):
    x = layers.Conv2D(8, 3, activation="relu6", name="conv_a")(x)
    return layers.Conv2D(6, 1, name="conv_b")(x)


def grouped(x):
    x = layers.Conv2D(8, 3, name="conv_a")(x)
    return layers.Conv2D(8, 1, groups=2, name="conv_b")(x)


def shifted(x):
    x = layers.Conv2D(8, 3, activation="relu", name="conv_a")(x)
    # With "valid" the converter would make the 1 a part of the bias.
    return layers.Conv2D(6, 3, padding="same", name="conv_b")(x + 1.0)


def more_channels(x):
    x = layers.Conv2D(8, 3, name="conv_a")(x)
    x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [1, 1]])
    return layers.Conv2D(6, 1, name="conv_b")(x)


def silu(x):
    x = layers.Conv2D(8, 3, activation="silu", name="conv_a")(x)
    return layers.Conv2D(6, 1, name="conv_b")(x)


EQUALIZED = [plain, residual, fused_relu, multiplied, called_twice]
LEFT_ALONE = [relu6, grouped, shifted, more_channels, silu]


@pytest.mark.quick_cases("plain", "residual", "fused_relu", "silu")
@pytest.mark.parametrize("architecture", EQUALIZED + LEFT_ALONE)
def test_function_stays_and_channels_become_alike(architecture):
    outputs = layers.Flatten()(architecture(IMAGE))
    content = converted(uneven(keras.Model(IMAGE, outputs)))
    inputs = np.random.default_rng(1).normal(size=(6, 12, 12, 3)).astype(np.float32)
    ranges = observe_channels(content, inputs)
    made = equalize(content, ranges)
    equal, told = made.content, made.ranges
    expected, actual = embed(content, inputs), embed(equal, inputs)
    assert far_apart(expected, actual) < 1e-10
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * expected.max())
    assert kernels_of(equal) == kernels_of(content)  # layers that share one still do
    again = observe_channels(equal, inputs)
    for index in told.low:  # what is told is what is seen
        np.testing.assert_allclose(
            told.high[index], again.high[index], rtol=1e-4, atol=1e-5
        )
    changed = [i for i in told.low if not np.array_equal(told.high[i], ranges.high[i])]
    assert bool(changed) == (architecture in EQUALIZED)
    if changed:
        assert spread(again, changed) < 0.6 * spread(ranges, changed)


@pytest.fixture(scope="module")
def uneven_network():
    """A MobileFaceNet whose channels differ, as those of trained networks do."""
    keras.utils.set_random_seed(0)
    network = fold_batch_norm(MobileFaceNet(width_multiplier=0.125, embedding_dim=16))
    rng = np.random.default_rng(2)
    for layer in network._flatten_layers():
        if isinstance(layer, layers.PReLU):
            layer.set_weights(
                [w + rng.uniform(-0.2, 0.4, w.shape) for w in layer.get_weights()]
            )
        elif layer.get_weights() and "conv" in type(layer).__name__.lower():
            kernel, *bias = layer.get_weights()
            size = np.exp(rng.normal(0, 0.7, kernel.shape[-1]))
            if "Depthwise" in type(layer).__name__:
                size = np.exp(rng.normal(0, 0.7, kernel.shape[2]))[:, None]
            layer.set_weights([kernel * size, *bias])
    return FloatModel(network, PixelContract())


@pytest.mark.quick_cases("int8")
@pytest.mark.parametrize("variant", ["int8", "int8-io"])
def test_8_bits_hold_for_uneven_channels(uneven_network, crops, variant):
    inputs = uneven_network.inputs(crops)
    expected = embed(uneven_network.content, inputs)
    depthwise = variant in ROUND_DEPTHWISE
    made = quantize(
        uneven_network, variant, equalized(uneven_network, crops, depthwise)
    )
    ranges = observe_channels(uneven_network.content, inputs)
    as_it_is = Equalized(uneven_network.content, ranges)
    without = quantize(uneven_network, "int8-io", as_it_is)
    drift = far_apart(expected, embed(made, inputs))
    assert drift < 0.5 * far_apart(expected, embed(without, inputs))


@pytest.mark.slow
def test_what_depthwise_convolutions_read_is_alike_if_they_are_rounded(crops):
    """PReLU gives far more than it takes where it is steep; both are 8 bits then."""
    keras.utils.set_random_seed(9)
    network = MobileFaceNet(width_multiplier=0.25, embedding_dim=16)
    rng = np.random.default_rng(9)
    for layer in network._flatten_layers():
        if isinstance(layer, layers.PReLU):
            layer.set_weights(
                [np.exp(rng.normal(0, 1, w.shape)) for w in layer.get_weights()]
            )
    steep = FloatModel(fold_batch_norm(network), PixelContract())
    graph = TFLiteGraph(steep.content)
    read = [
        operator.output
        for operator in graph.operators
        if operator.name == "PRELU"
        and any(
            each.name in ("DEPTHWISE_CONV_2D", "PAD")
            and each.inputs[0] == operator.output
            for each in graph.operators
        )
    ]
    assert read
    ranges = observe_channels(steep.content, steep.inputs(crops))
    alike, other = (
        spread(equalize(steep.content, ranges, depthwise).ranges, read)
        for depthwise in (True, False)
    )
    assert alike < 0.8 * other


def test_a_reshaped_tensor_keeps_its_scale(uneven_network, crops):
    """The last map has one pixel, and is the embedding that the file gives."""
    made = equalized(uneven_network, crops, depthwise=True)
    graph = TFLiteGraph(quantize(uneven_network, "int8-io", made))
    tensors = graph.model.subgraphs[0].tensors
    reshapes = [each for each in graph.operators if each.name == "RESHAPE"]
    assert reshapes
    for each in reshapes:
        before, after = (tensors[i].quantization for i in (each.inputs[0], each.output))
        assert before.scale == after.scale and before.zeroPoint == after.zeroPoint


def test_depthwise_convolutions_do_not_break_the_graph_apart(uneven_network):
    content = quantize(uneven_network, "dynamic")
    assert delegate_partitions(content).outside == {}
    graph = schema.ModelT.InitFromPackedBuf(content, 0)
    kernels = {
        tensor.type
        for tensor in graph.subgraphs[0].tensors
        if len(tensor.shape) == 4 and graph.buffers[tensor.buffer].data is not None
    }
    assert kernels == {schema.TensorType.INT8}


def test_equal_vectors_are_written_once_and_nothing_changes(uneven_network, crops):
    content = quantize(uneven_network, "int8", equalized(uneven_network, crops))
    model = TFLiteGraph(content).model
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    large = bytes(builder.Output())
    assert len(packed(model)) == len(content) < 0.95 * len(large)
    inputs = uneven_network.inputs(crops)
    np.testing.assert_array_equal(embed(content, inputs), embed(large, inputs))


def test_what_8_bits_would_cost_most_is_float_in_int8_alone(uneven_network, crops):
    """Depthwise convolutions between PReLUs, and what reads a map of one pixel."""
    equal = equalized(uneven_network, crops)
    floats = {}
    for variant in ("int8", "int8-io"):
        graph = TFLiteGraph(quantize(uneven_network, variant, equal))
        floats[variant] = [
            each.name
            for each in graph.operators
            if each.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "RESHAPE")
            and graph.is_float(each.output)
        ]
    names = [each.name for each in TFLiteGraph(equal.content).operators]
    depthwise = names.count("DEPTHWISE_CONV_2D")
    assert floats["int8"].count("DEPTHWISE_CONV_2D") == depthwise > 3
    assert floats["int8"][-2:] == ["CONV_2D", "RESHAPE"]
    assert floats["int8"].count("CONV_2D") == 1 and floats["int8-io"] == []


def test_range_of_one_pixel_has_a_margin(uneven_network, crops):
    equal = equalized(uneven_network, crops)
    graph = TFLiteGraph(equal.content)
    (index,) = [
        each.output
        for each in graph.operators
        if each.name == "DEPTHWISE_CONV_2D" and graph.shape(each.output)[1:3] == (1, 1)
    ]
    low, high = equal.ranges.low[index].min(), equal.ranges.high[index].max()
    file = Interpreter(model_content=quantize(uneven_network, "int8-io", equal))
    (details,) = [
        each for each in file.get_tensor_details() if each["name"] == graph.name(index)
    ]
    scale, _ = details["quantization"]
    assert 255 * scale == pytest.approx(2 * (high - low), rel=0.02)


def test_buffers_behind_the_flatbuffer_are_read(tiny, crops):
    """Large files have them: the flatbuffer gives a place in the file."""
    content = FloatModel(tiny(), PixelContract()).content
    model = TFLiteGraph(content).model
    largest = max(model.buffers, key=lambda b: 0 if b.data is None else len(b.data))
    data, largest.data = bytes(largest.data), None
    largest.size, largest.offset = len(data), 1 << 30
    largest.offset = -len(packed(model)) % 16 + len(packed(model))
    outside = packed(model).ljust(largest.offset, b"\0") + data
    inside = TFLiteGraph(outside).content()
    inputs = (crops.astype(np.float32) - 127.5) / 128
    expected = embed(content, inputs)
    np.testing.assert_array_equal(embed(outside, inputs), expected)
    np.testing.assert_array_equal(embed(inside, inputs), expected)
