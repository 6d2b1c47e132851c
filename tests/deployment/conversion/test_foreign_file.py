"""Tests of float TFLite files from elsewhere, made by TensorFlow's own converter."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.deployment.conversion.foreign_file import FloatFile
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.quantization.equalization import (
    equalize,
    observe_channels,
)
from tf_sphereface.errors import InputError
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph, packed

SLOPES = np.array([0.25, -0.4, 0.0, 1.5, 0.1, -0.05, 0.7, 2.0], np.float32)


def halved_difference(x):
    return tf.nn.relu(x) + SLOPES * (x - tf.abs(x)) * 0.5


def difference_first(x):
    return (x - tf.abs(x)) * (0.5 * SLOPES) + tf.nn.relu(x)


def two_products(x):
    return tf.nn.relu(x) + 0.5 * (SLOPES * (x - tf.abs(x)))


def one_slope(x):
    return tf.nn.relu(x) + 0.1 * (x - tf.abs(x))


def other_way_round(x):
    return tf.nn.relu(x) + SLOPES * (tf.abs(x) - x)


def of_another(x):
    return tf.nn.relu(x) + SLOPES * (x - tf.abs(tf.reverse(x, [2])))


def used_again(x):
    negative = x - tf.abs(x)
    return tf.nn.relu(x) + SLOPES * negative + tf.reverse(negative, [2])


def converted(path, activation, batch=2, sides=(24, 20), optimize=False, names=1):
    """A small network of convolutions, written by TensorFlow's converter."""
    rng = np.random.default_rng(7)
    kernels = [
        tf.constant(rng.normal(0, 0.3, shape).astype(np.float32))
        for shape in ((3, 3, 3, 8), (3, 3, 8, 8), (8, 6))
    ]

    @tf.function(input_signature=[tf.TensorSpec((batch, *sides, 3), tf.float32)])
    def network(images):
        x = activation(tf.nn.conv2d(images, kernels[0], 2, "SAME"))
        x = activation(tf.nn.conv2d(x, kernels[1], 1, "SAME") + 0.1)
        x = tf.reduce_mean(x, [1, 2], keepdims=True)
        x = tf.reshape(x, (batch or -1, 8))
        return [tf.matmul(x, kernels[2])] * names

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()]
    )
    if optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(converter.convert())
    return path


def operators(file):
    return collections.Counter(
        each.name for each in TFLiteGraph(file.content).operators
    )


def crops(file, count=3):
    size = file.pixel_contract.height, file.pixel_contract.width
    return np.random.default_rng(1).integers(0, 256, (count, *size, 3)).astype(np.uint8)


def largest_difference(file):
    """Between the file in our form and the original, relative to the embeddings."""
    faces = crops(file)
    embedder = TFLiteEmbedder("x", file.pixel_contract, content=file.content)
    ours, theirs = embedder.embed(faces), file.reference(faces)
    assert np.abs(theirs).max() > 0.01
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("batch", [1, 2, None])
@pytest.mark.parametrize(
    "activation", [halved_difference, difference_first, two_products, one_slope]
)
def test_prelu_becomes_one_operator(tmp_path, activation, batch):
    file = FloatFile(converted(tmp_path / "net.tflite", activation, batch))
    found = operators(file)
    assert found["PRELU"] == 2
    assert not {"ABS", "SUB", "RELU", "NEG"} & found.keys()
    graph = TFLiteGraph(file.content)
    touched = {i for each in graph.operators for i in (*each.inputs, *each.outputs)}
    tensors = graph.model.subgraphs[0].tensors
    assert touched - {-1} == set(range(len(tensors)))  # none is left over
    assert largest_difference(file) < 1e-5


@pytest.mark.parametrize("activation", [other_way_round, of_another, used_again])
def test_what_is_no_prelu_stays(tmp_path, activation):
    file = FloatFile(converted(tmp_path / "net.tflite", activation))
    assert operators(file)["PRELU"] == 0 and operators(file)["ABS"] == 2
    assert largest_difference(file) < 1e-5


@pytest.mark.parametrize("batch", [1, 2, 5, None])
def test_the_batch_becomes_one(tmp_path, batch):
    file = FloatFile(converted(tmp_path / "net.tflite", tf.nn.relu, batch))
    graph = TFLiteGraph(file.content)
    assert all(graph.shape(index)[0] == 1 for index in graph.inputs + graph.outputs)
    assert (file.embedding_dim, file.has_dense_layer) == (6, True)
    assert file.parameters >= 3 * 3 * 3 * 8 + 3 * 3 * 8 * 8 + 8 * 6
    assert largest_difference(file) < 1e-5


def test_free_sides_are_said(tmp_path):
    path = converted(tmp_path / "net.tflite", tf.nn.relu, sides=(None, None))
    with pytest.raises(InputError, match="sides .* are free, .* --size HEIGHTxWIDTH"):
        FloatFile(path)
    file = FloatFile(path, size=(30, 26))
    assert TFLiteGraph(file.content).shape(0)[1:3] in ((30, 26), (24, 20))
    assert largest_difference(file) < 1e-5
    fixed = converted(tmp_path / "fixed.tflite", tf.nn.relu)
    with pytest.raises(InputError, match="takes 24x20 crops, not 30x26"):
        FloatFile(fixed, size=(30, 26))


def with_ranges(model):
    for tensor in model.subgraphs[0].tensors:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5], [14]


def of_an_older_schema(model):
    model.signatureDefs = None
    for code in model.operatorCodes:
        code.builtinCode = 0


@pytest.mark.parametrize("change", [with_ranges, of_an_older_schema])
def test_files_of_older_converters_are_quantised(tmp_path, change):
    path = changed(converted(tmp_path / "net.tflite", tf.nn.relu), change)
    file = FloatFile(path)
    crops_of = file.inputs(crops(file, 8))
    content = equalize(file.content, observe_channels(file.content, crops_of))
    embedder = TFLiteEmbedder(
        "x", file.pixel_contract, content=quantize(file, "int8", content)
    )
    ours, theirs = embedder.embed(crops(file)), file.reference(crops(file))
    assert np.abs(ours - theirs).max() < 0.1 * np.abs(theirs).max()


def test_the_users_pixels_count(tmp_path):
    path = converted(tmp_path / "net.tflite", tf.nn.relu)
    file = FloatFile(path, pixels={"mean": 0.0, "scale": 255.0, "channel_order": "BGR"})
    faces = crops(file)
    expected = faces[..., ::-1].astype(np.float32) / 255
    np.testing.assert_allclose(file.inputs(faces), expected, atol=1e-6)
    with pytest.raises(InputError, match="scale"):
        FloatFile(path, pixels={"mean": 0.0, "scale": 0.0})


def changed(path, change):
    model = TFLiteGraph(path.read_bytes()).model
    change(model)
    path.write_bytes(packed(model))
    return path


def of_the_future(model):
    for code in model.operatorCodes:
        code.version = 99


def custom(model):
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = b"TheirOperator"


@pytest.mark.parametrize(
    ("options", "change", "told"),
    [
        ({"optimize": True}, None, r"is quantised already \(FLOAT16\)"),
        ({"names": 2}, None, "1 inputs and 2 outputs, not one of each"),
        ({}, of_the_future, r"could not run it \(.*version '99'"),
        ({}, custom, r"could not run it \(.*TheirOperator"),
    ],
)
def test_other_files_are_refused_in_a_line(tmp_path, options, change, told):
    def activation(x):
        return tf.nn.relu(x)

    path = converted(tmp_path / "net.tflite", activation, **options)
    if change:
        changed(path, change)
    with pytest.raises(InputError, match=told) as caught:
        FloatFile(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"TFL3" * 50, b"\0" * 400])
def test_what_is_no_tflite_file_is_refused(tmp_path, content):
    (tmp_path / "net.tflite").write_bytes(content)
    with pytest.raises(InputError):
        FloatFile(tmp_path / "net.tflite")
    with pytest.raises(InputError, match="no such model"):
        FloatFile(tmp_path / "none.tflite")
