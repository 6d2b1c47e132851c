"""Tests of the versions that tell old runtimes to refuse a file."""

import numpy as np
import pytest
import tensorflow as tf

from tests.deployment.quantization.test_variants import embed, equalized
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.quantization.operator_versions import (
    least_runtimes,
    operator_versions,
    with_true_versions,
)
from tf_sphereface.detection import cached_networks
from tf_sphereface.errors import InputError
from tf_sphereface.tflite_graph import packed, read_model

VARIANTS = {
    "fp16": ({"DEQUANTIZE": 3, "CONV_2D": 1, "FULLY_CONNECTED": 1}, "1.15.0", "1.0.1"),
    "dynamic": ({"CONV_2D": 5, "FULLY_CONNECTED": 12}, "2.17.0", "1.0.1"),
    "int8": ({"CONV_2D": 3, "FULLY_CONNECTED": 4, "PAD": 2}, "1.14.0", "1.0.1"),
    "int8-io": ({"CONV_2D": 3, "FULLY_CONNECTED": 4, "PAD": 2}, "1.14.0", "1.0.1"),
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


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory):
    """A converter of TensorFlow's own for the same network."""
    folder = tmp_path_factory.mktemp("saved")
    model._write_saved_model(str(folder))
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def test_tensorflows_own_8_bit_weights_have_the_same_versions(model, converted):
    theirs = operator_versions(converted.convert())
    ours = operator_versions(quantize(model, "dynamic"))
    assert {name: ours[name] for name in theirs} == theirs


def test_only_versions_change(model):
    content = quantize(model, "dynamic")
    plain = read_model(content)
    for code in plain.operatorCodes:
        code.version = 1
    plain.metadata = None
    before = packed(plain)
    assert least_runtimes(before) is None
    again = with_true_versions(before)
    assert operator_versions(again) == operator_versions(content)
    assert least_runtimes(again) == least_runtimes(content)
    inputs = np.random.default_rng(0).normal(size=(2, 112, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(embed(again, inputs), embed(content, inputs))


def test_a_version_that_a_file_has_is_never_lowered(model):
    file = read_model(model.content)
    for code in file.operatorCodes:
        code.version = 9
    assert set(operator_versions(with_true_versions(packed(file))).values()) == {9}


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_the_detector_says_what_it_needs(name):
    content = (cached_networks() / f"{name}.tflite").read_bytes()
    again = with_true_versions(content)
    assert operator_versions(again) == operator_versions(content)
    assert least_runtimes(again) == least_runtimes(content)


@pytest.mark.parametrize("content", [b"", b"x" * 4000])
def test_what_is_no_model_is_refused(content):
    with pytest.raises(InputError, match="TFLite"):
        with_true_versions(content)
