"""Tests of the versions that tell old runtimes to refuse a file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.deployment.quantization.test_variants import embed, equalized
from tf_sphereface.bundle.tflite_metadata import metadata_entries
from tf_sphereface.deployment.conversion.saved_model import write_graph
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.quantization.operator_versions import (
    least_runtimes,
    operator_versions,
    with_true_versions,
)
from tf_sphereface.detection import cached_networks
from tf_sphereface.runtimes.tflite_graph import packed, read_model

VARIANTS = {
    "fp16": ({"DEQUANTIZE": 3, "CONV_2D": 1, "FULLY_CONNECTED": 1}, "2.14.0", "1.0.1"),
    "dynamic": ({"CONV_2D": 5, "FULLY_CONNECTED": 12}, "2.17.0", "1.0.1"),
    "int8": ({"CONV_2D": 3, "FULLY_CONNECTED": 4, "PAD": 2}, "2.14.0", "1.0.1"),
    "int8-io": ({"CONV_2D": 3, "FULLY_CONNECTED": 4, "PAD": 2}, "2.14.0", "1.0.1"),
    "int4": ({"CONV_2D": 5, "FULLY_CONNECTED": 14}, "2.21.0", "2.1.0"),
}


@pytest.fixture(scope="module")
def model(tiny):
    backbone = tiny()
    return FloatModel(backbone, backbone.pixel_contract)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_says_what_it_needs(model, crops, variant):
    content = quantize(model, variant, equalized(model, crops))
    versions, lite, litert = VARIANTS[variant]
    assert versions.items() <= operator_versions(content).items()
    runtimes = least_runtimes(content)
    assert (runtimes.tensorflow_lite, runtimes.ai_edge_litert) == (lite, litert)


def converter_of(network, folder):
    inputs = keras.Input((24, 24, 3))
    model = keras.Model(inputs, network(inputs))
    spec = tf.TensorSpec((1, 24, 24, 3), tf.float32)
    write_graph(str(folder), {"serving_default": (model, spec)}, model.variables)
    return tf.lite.TFLiteConverter.from_saved_model(str(folder))


def many_operators(x):
    """The operators that face networks are made of."""
    layers = keras.layers
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same")(layers.ZeroPadding2D()(x)[:, 1:-1])
    x = layers.Concatenate()([x, y[:, :, 1:-1]])
    x = layers.MaxPooling2D()(x) + layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 1, activation="sigmoid")(x) * x
    x = keras.ops.maximum(layers.LeakyReLU()(x), x - 0.5)
    x = keras.ops.tanh(keras.ops.transpose(x, (0, 2, 1, 3)))
    first, second = keras.ops.split(keras.ops.relu6(x), 2, axis=-1)
    x = keras.ops.minimum(first, second) - keras.ops.abs(first)
    x = layers.UpSampling2D(2)(x)
    x = keras.ops.stack([keras.ops.sum(x, axis=1), keras.ops.mean(x, axis=1)], axis=1)
    x = keras.ops.mean(keras.ops.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0))), axis=(1, 2))
    return layers.Softmax()(layers.Dense(6)(x))


@pytest.mark.parametrize("in_8_bits", [False, True])
def test_tensorflows_own_files_have_the_same_versions(tmp_path, in_8_bits):
    converter = converter_of(many_operators, tmp_path)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if in_8_bits:
        rng = np.random.default_rng(0)
        converter.representative_dataset = lambda: (
            [rng.normal(size=(1, 24, 24, 3)).astype(np.float32)] for _ in range(8)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    theirs = converter.convert()
    expected = operator_versions(theirs)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} <= expected.keys()
    assert not in_8_bits or len(expected) > 12
    assert operator_versions(with_true_versions(unversioned(theirs))) == expected


def unversioned(content):
    """As ai-edge-quantizer leaves it: version 1, and the least runtime of long ago."""
    model = read_model(content)
    for code in model.operatorCodes:
        code.version = 1
    model.metadata = None
    return packed(model)


def told(content):
    """The least runtime in the file's own words."""
    entry = metadata_entries(content).get("min_runtime_version")
    return entry and entry.rstrip(b"\0")


def test_only_versions_change(model):
    content = quantize(model, "dynamic")
    before = unversioned(content)
    again = with_true_versions(before)
    assert operator_versions(again) == operator_versions(content)
    assert told(again) == b"2.17.0" and told(before) is None
    inputs = np.random.default_rng(0).normal(size=(2, 112, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(embed(again, inputs), embed(content, inputs))


def test_a_version_that_a_file_has_is_never_lowered(model):
    file = read_model(model.content)
    for code in file.operatorCodes:
        code.version = 9
    assert set(operator_versions(with_true_versions(packed(file))).values()) == {9}


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_the_detector_runs_everywhere(name):
    content = (cached_networks() / f"{name}.tflite").read_bytes()
    again = with_true_versions(content)
    assert operator_versions(again) == operator_versions(content)
    assert least_runtimes(content).tensorflow_lite == "2.14.0"
