"""Tests of the quantised variants, their analysis and the names of layers."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tf_sphereface.backbones import MobileFaceNet
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.bundle.variants import (
    FLOAT,
    VARIANTS,
    available_variants,
    file_name,
)
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import RECIPES, quantize
from tf_sphereface.deployment.quantization.analysis import (
    analyse_quantization,
    delegate_partitions,
    layer_losses,
    layer_of,
    layers_of,
)
from tf_sphereface.deployment.quantization.equalization import (
    equalize,
    observe_channels,
)
from tf_sphereface.errors import InputError

LAYERS = {"conv1_1", "relu1_1", "conv4_1", "relu4_1", "fc5", "flatten", "conv1_1_pad"}


@pytest.fixture(scope="module")
def model(tiny):
    backbone = tiny()
    return FloatModel(backbone, backbone.pixel_contract)


def equalized(model, crops, depthwise=False):
    """The model's float file of equalised channels, with ranges of these crops."""
    ranges = observe_channels(model.content, model.inputs(crops))
    return equalize(model.content, ranges, depthwise)


def embed(content, inputs):
    """Embeddings by the interpreter alone, real numbers on both sides."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    (sink,) = interpreter.get_output_details()
    rows = []
    for face in inputs:
        scale, zero = source["quantization"]
        stored = np.clip(np.round(face / scale) + zero, -128, 127) if scale else face
        interpreter.set_tensor(source["index"], stored[None].astype(source["dtype"]))
        interpreter.invoke()
        scale, zero = sink["quantization"]
        row = interpreter.get_tensor(sink["index"])[0].astype(np.float64)
        rows.append((row - zero) * scale if scale else row)
    return np.stack(rows)


def weight_types(content):
    """dtypes of the kernels of convolutions and dense layers, and these kernels."""
    graph = schema.ModelT.InitFromPackedBuf(content, 0)
    tensors = graph.subgraphs[0].tensors
    names = {value: name for name, value in vars(schema.TensorType).items()}
    kernels = [
        tensors[operator.inputs[1]]
        for operator in graph.subgraphs[0].operators
        if graph.operatorCodes[operator.opcodeIndex].builtinCode
        in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
    ]
    return [names[kernel.type] for kernel in kernels], kernels


@pytest.mark.parametrize(
    ("variant", "kind", "least", "share"),
    [
        ("fp16", "FLOAT16", 0.99999, 0.56),
        ("dynamic", "INT8", 0.998, 0.32),
        ("int8", "INT8", 0.98, 0.33),
        ("int8-io", "INT8", 0.98, 0.33),
        ("int4", "INT4", 0.98, 0.3),
    ],
)
def test_variant_is_small_and_near_float(model, crops, variant, kind, least, share):
    content = quantize(model, variant, equalized(model, crops))
    inputs = model.inputs(crops)
    first, second = embed(model.content, inputs), embed(content, inputs)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    assert ((first * second).sum(axis=1) / norms).min() > least
    assert len(content) < share * len(model.content)
    types, _ = weight_types(content)
    if variant == "fp16":  # behind an operator that makes them float
        return
    convolutions = "INT8" if variant == "int4" else kind
    assert types == [convolutions] * 4 + [kind]


def test_weights_have_a_scale_for_each_channel(model, crops):
    content = quantize(model, "int8", equalized(model, crops))
    _, kernels = weight_types(content)
    for kernel in kernels:
        scales = kernel.quantization.scale
        assert len(scales) == kernel.shape[0]
        assert len(set(scales)) > 1


def test_int8_range_is_not_the_moving_average(model, crops):
    content = quantize(model, "int8-io", equalized(model, crops))
    output = Interpreter(model_content=content).get_output_details()[0]
    scale, zero_point = output["quantization"]
    embeddings = embed(model.content, model.inputs(crops))
    assert scale * (127 - zero_point) >= embeddings.max() - scale
    assert scale * (-128 - zero_point) <= embeddings.min() + scale


def test_kept_layer_is_float_and_no_other(model, crops):
    kept = quantize(model, "dynamic", None, ("conv1_1",))
    assert weight_types(kept)[0] == ["FLOAT32", "INT8", "INT8", "INT8", "INT8"]
    with pytest.raises(InputError, match="no layer 'conv9' .* conv1_1, "):
        quantize(model, "dynamic", None, ("conv9",))


def test_every_variant_but_the_float_file_has_a_recipe():
    assert set(RECIPES) == set(VARIANTS) - {FLOAT}


def test_network_without_a_dense_layer_has_no_int4(model):
    assert available_variants(model.has_dense_layer) == tuple(VARIANTS)
    network = MobileFaceNet(width_multiplier=0.125, embedding_dim=8)
    small = FloatModel(network, network.pixel_contract)
    assert set(available_variants(small.has_dense_layer)) == set(VARIANTS) - {"int4"}


def test_progress_counts_the_crops(model, crops):
    seen = []
    inputs = model.inputs(crops)
    observe_channels(model.content, inputs, lambda *counts: seen.append(counts))
    assert seen[-1] == (12, 12)


def test_layers_are_those_of_the_network(model):
    assert layers_of(model.content) > LAYERS


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("net_1/conv1_1_1/BiasAdd;net_1/conv1_1_1/convolution", "conv1_1"),
        ("net_3/conv1_1/convolution1", "conv1"),
        ("arith.constant7;net_1/fc5_1/MatMul", "fc5"),
        ("serving_default_aligned_face:0", None),
        ("", None),
    ],
)
def test_layer_of_a_tensor(tensor, layer):
    assert layer_of(tensor) == layer


def test_partitions_and_what_is_outside(model, crops):
    assert delegate_partitions(model.content).outside == {}
    assert delegate_partitions(model.content).count == 1
    # TensorFlow's own int8: the delegate does not run its PReLU.
    content = convert_to_int8(model, crops)
    parts = delegate_partitions(content)
    assert parts.count > 1 and parts.outside["PRELU"] == 4


def convert_to_int8(model, crops):
    converter = tf.lite.TFLiteConverter.from_keras_model(model.backbone)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [face[None]] for face in model.inputs(crops)
    )
    with warnings.catch_warnings():  # its calibrator uses a deprecated interpreter
        warnings.simplefilter("ignore")
        return converter.convert()


def test_analysis_tells_what_stayed_float(model, crops):
    inputs = model.inputs(crops[:3])
    whole = quantize(model, "int8-io", equalized(model, crops))
    kept = quantize(model, "int8-io", equalized(model, crops), ("conv4_1",))
    record = analyse_quantization(whole, model.content, inputs, "ai-edge-quantizer")
    # PReLU is not in what ai-edge-quantizer knows.
    assert record.float_weights == ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    assert 0 < record.float_activations < record.activations
    assert record.delegate_partitions == 1
    record = analyse_quantization(kept, model.content, inputs, "x", ("conv4_1",))
    assert "conv4_1" in record.float_weights
    assert record.kept_float == ("conv4_1",)


def test_layer_that_is_spoilt_is_the_worst(tiny, model, crops):
    spoilt = tiny()
    kernel = spoilt.get_layer("conv3_1").kernel
    noise = np.random.default_rng(0).normal(size=kernel.shape)
    kernel.assign(kernel + 0.3 * noise * np.std(kernel))
    content = FloatModel(spoilt, spoilt.pixel_contract).content
    losses = layer_losses(content, model.content, model.inputs(crops[:3]))
    assert losses[0].layer == "conv3_1"
    assert losses[0].added > 3 * losses[1].added
    by_layer = {loss.layer: loss.noise for loss in losses}
    assert by_layer["conv2_1"] == 0 < by_layer["conv4_1"]


def test_graph_with_everything_inside_keeps_each_weight_once(model, crops):
    feature = FeatureRecord(mirror="concat", inside=("pixels", "mirror", "l2"))
    full = FloatModel(model.backbone, model.pixel_contract, feature)
    assert len(full.content) < 1.03 * len(model.content) + 8192
    content = quantize(full, "int8-io", equalized(full, crops))
    assert (
        Interpreter(model_content=content).get_input_details()[0]["dtype"] == np.uint8
    )


def test_names_of_files():
    assert file_name("none") == "embedder.tflite"
    assert file_name("int8-io") == "embedder_int8-io.tflite"
