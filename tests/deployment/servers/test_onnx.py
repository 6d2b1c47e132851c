"""Tests for tf_sphereface.deployment.servers.onnx (extra `onnx`)."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.bundle.contract import OnnxContract
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.commands.main import main
from tf_sphereface.deployment import DriftError
from tf_sphereface.deployment.servers import onnx, onnx_session
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
needs_extra = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason="the extra `onnx` is not installed",
)

# Runs without our code, TensorFlow and Keras: onnxruntime is all that a server has.
SERVER = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
crops = np.load(sys.argv[2])
(embeddings,) = session.run(["embedding"], {"aligned_face": crops})
(alone,) = session.run(["embedding"], {"aligned_face": crops[:1]})
np.savez(sys.argv[3], embeddings=embeddings, alone=alone)
ours = {"tf_sphereface", "tensorflow", "keras"} & set(sys.modules)
assert not ours, ours
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("model") / "backbone.keras"
    network = SphereFaceCNN(
        4, 16, width_multiplier=0.125, batch_norm=True, channel_order="BGR"
    )
    with_random_statistics(network).save(path)
    return path


def with_random_statistics(network):
    rng = np.random.default_rng(4)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return network


def embeddings_of(model, crops):
    """The unfolded network and its mirror image's, BGR, in NumPy."""
    network = keras.saving.load_model(model)
    faces = (crops[..., ::-1].astype(np.float64) - 127.5) / 128
    return [network.predict(f, verbose=0) for f in (faces, np.flip(faces, 2))]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def export(*arguments):
    return main(["export", "onnx", *map(str, arguments)])


@needs_extra
def test_onnxruntime_alone_serves_crops(model, aligned, crops, tmp_path, capsys):
    out = tmp_path / "new" / "embedder.onnx"
    arguments = [model, "--out", out, "--calibration", aligned]
    assert export(*arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["feature"]["mirror"], printed["embedding_dim"]) == ("concat", 16)
    assert printed["drift"]["min_cosine"] > 0.99999
    np.save(tmp_path / "crops.npy", crops)
    files = [out, tmp_path / "crops.npy", tmp_path / "got.npz"]
    command = [sys.executable, "-I", "-c", SERVER, *map(str, files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    got = np.load(tmp_path / "got.npz")
    expected = unit(np.hstack(embeddings_of(model, crops)))
    np.testing.assert_allclose(got["embeddings"], expected, atol=1e-5)
    np.testing.assert_allclose(got["alone"], expected[:1], atol=1e-5)
    metadata = onnx_session.open_session(out).get_modelmeta().custom_metadata_map
    contract = OnnxContract.model_validate_json(metadata["contract"])
    assert contract.model_dump(mode="json").items() <= printed.items()
    assert contract.feature.inside == ("pixels", "mirror", "l2")


@pytest.mark.quick_cases("mean")
@needs_extra
@pytest.mark.parametrize("mirror", ["none", "mean"])
def test_what_is_left_out_is_the_callers(model, aligned, crops, tmp_path, mirror):
    out = tmp_path / "embedder.onnx"
    feature = FeatureRecord(mirror=mirror, inside=("mirror",))
    contract = onnx.export_onnx(model, out, feature, aligned)
    plain, mirrored = embeddings_of(model, crops)
    expected = plain if mirror == "none" else (plain + mirrored) / 2
    faces = (crops[..., ::-1].astype(np.float32) - np.float32(127.5)) / 128
    session = onnx_session.open_session(out)
    (actual,) = session.run(["embedding"], {"aligned_face": faces})
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    actual = onnx_session.embed_crops(session, contract.pixels, crops)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert contract.feature == feature


def depthwise_network():
    """A convolution of each kind with a batch norm behind it, as in MobileFaceNet."""
    x = inputs = keras.Input((28, 24, 3))
    for convolution in (
        keras.layers.Conv2D(8, 3, strides=2, use_bias=False),
        keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        keras.layers.Conv2D(6, 1, use_bias=False),
        keras.layers.DepthwiseConv2D((13, 11), use_bias=False),
    ):
        x = keras.layers.BatchNormalization()(convolution(x))
        x = keras.layers.PReLU(shared_axes=[1, 2])(x)
    return with_random_statistics(keras.Model(inputs, keras.layers.Flatten()(x)))


@needs_extra
def test_depthwise_network_has_no_batch_norm_and_a_free_batch(crops):
    network, pixels = depthwise_network(), PixelContract(28, 24)
    content = onnx.to_onnx(network, pixels, onnx.SERVER_FEATURE)
    import onnx as onnx_package

    graph = onnx_package.load_model_from_string(content).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    for tensor in (*graph.input, *graph.output):
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"
    session = onnx_session.open_session(content)
    crops = crops[:, :28, :24]
    actual = onnx_session.embed_crops(session, pixels, crops)
    faces = (crops.astype(np.float32) - 127.5) / 128
    rows = [np.asarray(network(f)) for f in (faces, np.flip(faces, 2))]
    np.testing.assert_allclose(actual, unit(np.hstack(rows)), atol=1e-5)


@pytest.mark.slow
@needs_extra
def test_drift_exits_with_1_and_writes_nothing(
    model, aligned, tmp_path, capsys, monkeypatch
):
    embed = onnx_session.embed_crops
    monkeypatch.setattr(
        onnx_session,
        "embed_crops",
        lambda session, pixels, crops: embed(session, pixels, crops[:, ::-1]),
    )
    out = tmp_path / "embedder.onnx"
    with pytest.raises(DriftError, match="exported onnx model"):
        onnx.export_onnx(model, out, calibration=aligned)
    arguments = [model, "--out", out, "--calibration", aligned]
    assert export(*arguments) == 1
    assert "error: the exported onnx model" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@needs_extra
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embedder.tflite", "must be called"),
        ("folder.onnx", "a folder is in the place"),
        ("there.onnx", "output exists"),
        ("free.onnx", "no such model"),
    ],
)
def test_bad_paths_exit_with_2_and_one_line(tmp_path, capsys, name, message):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "there.onnx").write_bytes(b"kept")
    arguments = [str(tmp_path / "missing.keras"), "--out", str(tmp_path / name)]
    assert export(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert (tmp_path / "there.onnx").read_bytes() == b"kept"
    assert not (tmp_path / "free.onnx").exists()


def test_missing_extra_is_one_line_before_tensorflow_loads(tmp_path):
    program = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name == 'tf2onnx' else find(name, package))\n"
        "from tf_sphereface.commands.main import main\n"
        "code = main(['export', 'onnx', *sys.argv[1:]])\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)\n"
    )
    command = [sys.executable, "-c", program, "model.keras", "--out"]
    done = subprocess.run(
        [*command, tmp_path / "x.onnx"], capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "tf2onnx" in done.stderr and "pip install" in done.stderr


def test_conversion_without_the_extra_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(onnx_session, "_PACKAGES", ("no_such_package",))
    with pytest.raises(InputError, match="ONNX needs no_such_package"):
        onnx.export_onnx(tmp_path / "model.keras", tmp_path / "embedder.onnx")
