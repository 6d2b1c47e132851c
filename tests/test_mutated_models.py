"""Mutants of model files: whoever opens one lives on, and tells what is wrong.

`MUTANTS=20000 pytest -m slow tests/test_mutated_models.py -k tflite` opens more. Weight
files that no library in C reads are in tests/weights/test_fuzz.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.bundle.small_bundles import write_bundle
from tests.exported_bundles import tiny_backbone
from tests.weights import tensorflow_files
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.deployment.conversion.saved_model import write_serving_model
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.preprocessing import PixelContract

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
MUTANTS = os.environ.get("MUTANTS", "200")
STATE = {"conv/kernel": np.ones((3, 3, 3, 2), np.float32), "b": np.ones(2, np.float32)}


def small_backbone():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((112, 96, 3))
    hidden = keras.layers.Conv2D(4, 3, strides=8)(inputs)
    hidden = keras.layers.DepthwiseConv2D(3)(keras.layers.PReLU()(hidden))
    return keras.Model(inputs, keras.layers.Dense(8)(keras.layers.Flatten()(hidden)))


def make_tflite(folder):
    model = FloatModel(small_backbone(), PixelContract())
    (folder / "float.tflite").write_bytes(model.content)
    (folder / "dynamic.tflite").write_bytes(quantize(model, "dynamic"))
    tiny = FloatModel(tiny_backbone(), PixelContract())
    (folder / "tiny.tflite").write_bytes(tiny.content)


def make_bundle(folder):
    place = folder / "x"
    write_bundle(
        place / "bundle", FloatModel(small_backbone(), PixelContract()).content, 8
    )
    for number, face in enumerate(synthetic_faces(PixelContract(), 2, 1)):
        Image.fromarray(face.photo).save(place / f"{number}.png")


def make_saved_model(folder):
    feature = FeatureRecord(inside=("pixels", "mirror", "l2"))
    write_serving_model(small_backbone(), PixelContract(), feature, folder / "ours")
    small_backbone().export(folder / "keras", verbose=False)


def make_onnx(folder):
    pytest.importorskip("tf2onnx")
    from tf_sphereface.deployment.servers.onnx import to_onnx

    contract, feature = PixelContract(), FeatureRecord()
    content = to_onnx(small_backbone(), contract, feature)
    (folder / "x.onnx").write_bytes(content)


def make_keras(folder):
    tiny_backbone().save(folder / "tiny.keras")
    small_backbone().save(folder / "x.keras")
    small_backbone().save(folder / "x.h5")


def make_checkpoint(folder):
    (folder / "x").mkdir()
    tensorflow_files.save_checkpoint(STATE, folder / "x" / "model")


def make_network(folder):
    make_onnx(folder)
    make_tflite(folder)


MAKERS = {
    "tflite": make_tflite,
    "bundle": make_bundle,
    "saved_model": make_saved_model,
    "onnx": make_onnx,
    "network": make_network,
    "keras": make_keras,
    "checkpoint": make_checkpoint,
}


@pytest.mark.filterwarnings("ignore")  # those of exporters
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("kind", MAKERS)
def test_the_process_that_opens_a_mutant_lives_on(kind, tmp_path):
    folder = tmp_path / kind
    folder.mkdir()
    MAKERS[kind](folder)
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants_of_models", kind, folder, MUTANTS],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert sum(counts.values()) == int(MUTANTS)
    assert {"refused"} <= set(counts) <= {"opened", "refused"}, done.stderr
