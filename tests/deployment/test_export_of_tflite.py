"""Tests of the export of a float TFLite file: a bundle as of a Keras model."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.deployment.conversion.test_foreign_file import converted
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.commands import bundle as bundle_command
from tf_sphereface.commands.export import main as export_command
from tf_sphereface.deployment import ExportOptions, export_bundle
from tf_sphereface.deployment.conversion.foreign_file import FloatFile
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.quantization.analysis import analyse_quantization
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph


@pytest.fixture(scope="module")
def file(tiny, tmp_path_factory):
    """Our own conversion, as if somebody had found it."""
    path = tmp_path_factory.mktemp("found") / "found.tflite"
    path.write_bytes(FloatModel(tiny(), PixelContract()).content)
    return path


@pytest.fixture(scope="module")
def made(file, aligned, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "bundle"
    options = ExportOptions(
        variants=("none", "dynamic", "int8"),
        calibration=aligned,
        representative=None,
        mirror="none",
        licence="MIT",
    )
    return export_bundle(file, out, options)


def test_it_gives_the_features_of_the_keras_model(made, tiny):
    crops = np.stack([face.crop for face in synthetic_faces(PixelContract(), 3, 2)])
    inputs = PixelContract().normalize(crops.astype(np.float32))
    expected = tiny().predict(inputs, verbose=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for variant, least in (("none", 0.999999), ("dynamic", 0.998), ("int8", 0.98)):
        features = Embedder(made, variant).embed_crops(crops)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        assert (features * expected).sum(axis=1).min() > least


def test_its_contract_says_what_it_is_of(made, file):
    model = made.contract.model
    assert (model.name, model.licence) == ("tflite", "MIT")
    assert "found" not in made.contract.model_dump_json()
    assert made.contract.variants["int8"].quantization.worst_layers
    assert made.contract.variants["none"].drift.min_cosine > 0.999999


def test_the_bundle_is_verified_with_its_file(made, file, aligned, capsys):
    command = ["verify", str(made.path), "--model", str(file)]
    assert bundle_command.main([*command, "--calibration", str(aligned), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["measured"]) == set(
        made.contract.variants
    )


def test_a_layer_stays_float_by_the_name_of_its_tensor(tmp_path):
    found = FloatFile(converted(tmp_path / "net.tflite", tf.nn.relu))
    graph = TFLiteGraph(found.content)
    names = [
        graph.name(each.output)
        for each in graph.operators
        if each.name in ("CONV_2D", "FULLY_CONNECTED")
    ]
    kept = analyse_quantization(
        quantize(found, "dynamic", keep_float=tuple(names[:1])),
        found.content,
        found.inputs(np.zeros((1, 24, 20, 3), np.uint8)),
        "test",
    )
    assert len(kept.float_weights) == 1
    with pytest.raises(InputError, match=f"network has: .*{re.escape(names[0])}"):
        quantize(found, "dynamic", keep_float=("nowhere",))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--inside", "l2"], "is taken as it is: --inside and --batch are for Keras"),
        (["--batch", "0"], "is taken as it is"),
        (["--size", "112x112"], "takes 112x96 crops, not 112x112"),
    ],
)
def test_options_that_do_not_fit_end_with_2(file, tmp_path, capsys, options, told):
    command = ["tflite", str(file), "--out", str(tmp_path / "bundle"), *options]
    assert export_command(command) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_size_is_for_tflite_files(classifier_file, tmp_path):
    with pytest.raises(InputError, match="--size is for TFLite files"):
        export_bundle(
            classifier_file, tmp_path / "bundle", ExportOptions(size=(112, 96))
        )
