"""Tests for evaluation.embeddings.sources with TFLite files and bundles."""

import dataclasses
import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.bundle.sealing import reseal
from tf_sphereface.bundle import bundle
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import describe_model, load_embedding_source
from tf_sphereface.evaluation.embeddings.sources import source_of_bundle
from tf_sphereface.preprocessing import PixelContract


class StubBundle:
    """A bundle of two variants whose embedders' kinds are their names."""

    contract = SimpleNamespace(
        default_variant="none", feature=FeatureRecord(mirror="concat")
    )

    def embedder(self, variant=None):
        return SimpleNamespace(
            kind=variant or "none", pixel_contract=PixelContract(), embedding_dim=4
        )

    def variant(self, name):
        if name not in ("none", "int8"):
            raise InputError(f"no variant {name!r}")
        return SimpleNamespace(sha256=f"hash of {name}")


@pytest.mark.parametrize(
    ("variant", "name"), [(None, "none"), ("none", "none"), ("int8", "int8")]
)
def test_bundle_gives_the_variant_and_its_hash(tmp_path, monkeypatch, variant, name):
    (tmp_path / "contract.json").write_text("{}")
    monkeypatch.setattr(bundle, "load_bundle", lambda *arguments: StubBundle())
    assert load_embedding_source(tmp_path, variant).kind == name
    info = describe_model(tmp_path, variant)
    assert (info.variant, info.sha256) == (name, f"hash of {name}")


def test_damaged_bundle_is_an_input_error(tmp_path):
    (tmp_path / "contract.json").write_text("{}")
    reseal(tmp_path)
    with pytest.raises(InputError, match="^damaged contract"):
        load_embedding_source(tmp_path, "int8")


def tflite_file(tmp_path):
    """A network that gives the mean colours of the six 56 x 32 blocks of a crop."""
    inputs = keras.Input((112, 96, 3))
    pooled = keras.layers.AveragePooling2D((56, 32))(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(pooled))
    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return path


@pytest.mark.filterwarnings("ignore")  # the converter's own deprecations
def test_tflite_file_equals_the_keras_model_without_loading_tensorflow(tmp_path):
    path = tflite_file(tmp_path)
    shape = (3, 112, 96, 3)
    crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "faces.npy", crops)
    script = (
        "import sys, numpy as np\n"
        "from tf_sphereface.evaluation import load_embedding_source\n"
        "source = load_embedding_source(sys.argv[1])\n"
        "np.save(sys.argv[3], source.embed(np.load(sys.argv[2])))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'\n"
        "print(source.kind, source.embedding_dim)\n"
    )
    files = [path, tmp_path / "faces.npy", tmp_path / "embeddings.npy"]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, files)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "tflite 18\n"), done.stderr
    blocks = crops.reshape(3, 2, 56, 3, 32, 3).mean(axis=(2, 4)).reshape(3, 18)
    np.testing.assert_allclose(np.load(files[2]), (blocks - 127.5) / 128, atol=1e-5)


@pytest.mark.parametrize(
    ("policy", "inside", "expected"),
    [
        ("none", False, None),
        ("concat", False, None),
        ("mean", False, "mean"),
        ("concat", True, "concat"),
        ("mean", True, "mean"),
    ],
)
def test_bundle_gives_whole_features_where_its_policy_needs_that(
    monkeypatch, policy, inside, expected
):
    network = SimpleNamespace(embedding_dim=3, pixel_contract=PixelContract(2, 2))
    opened = SimpleNamespace(
        contract=SimpleNamespace(
            feature=FeatureRecord(mirror=policy, inside=("mirror",) * inside)
        ),
        embedder=lambda variant: network,
    )
    source = source_of_bundle(opened, "int8")
    assert source.mirrors_itself is (expected is not None)
    assert (source.mirror, source.embedding_dim) == (expected, 3)


@pytest.mark.filterwarnings("ignore")
def test_file_of_a_bundle_with_the_mirror_inside_is_not_mirrored_again(tmp_path):
    path = tflite_file(tmp_path)
    assert not load_embedding_source(path).mirrors_itself
    contract = {
        "pixels": dataclasses.asdict(PixelContract()),
        "format_version": 3,
        "feature": {"mirror": "mean", "inside": ["mirror"]},
    }
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    source = load_embedding_source(path)
    assert (source.mirrors_itself, source.mirror) == (True, "mean")
