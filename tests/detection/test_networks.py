"""Tests for the Keras networks, their export and the LiteRT networks."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from tf_sphereface.detection import LiteRTNetworks, cached_networks, weight_files
from tf_sphereface.detection.networks import (
    KerasNetworks,
    build_networks,
    export_detector,
)
from tf_sphereface.detection.weight_files import NETWORK_NAMES
from tf_sphereface.errors import InputError


@pytest.fixture(scope="module")
def litert():
    return LiteRTNetworks(cached_networks())


@pytest.fixture(scope="module")
def keras_networks():
    return build_networks()


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 70, 91), (2, 33, 40), (3, 70, 91)])
def test_pnet_file_computes_what_keras_does(litert, keras_networks, shape):
    photos = noise(*shape, 3)
    offsets, scores = keras_networks["pnet"](photos)
    actual_offsets, actual_scores = litert.pnet(photos)
    np.testing.assert_allclose(actual_offsets, offsets, atol=1e-5)
    np.testing.assert_allclose(actual_scores, scores[..., 1], atol=1e-5)


@pytest.fixture
def other_keras_settings():
    """A user's settings in keras.json."""
    settings = keras.config.image_data_format(), keras.config.floatx()
    policy = keras.config.dtype_policy()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_image_data_format(settings[0])
    keras.config.set_floatx(settings[1])
    keras.config.set_dtype_policy(policy)


@pytest.mark.slow
def test_networks_do_not_depend_on_settings_of_keras(
    litert, other_keras_settings, tmp_path
):
    export_detector(tmp_path)
    exported = LiteRTNetworks(tmp_path)
    photos, crops = noise(1, 70, 91, 3), noise(5, 48, 48, 3)
    for actual, expected in zip(
        (
            *exported.pnet(photos),
            *exported.onet(crops),
            *exported.rnet(crops[:, :24, :24]),
        ),
        (*litert.pnet(photos), *litert.onet(crops), *litert.rnet(crops[:, :24, :24])),
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert keras.config.image_data_format() == "channels_first"  # still the user's
    assert keras.config.dtype_policy().name == "float64"


@pytest.mark.parametrize("count", [0, 1, 3, 4, 21, 100])
def test_any_number_of_crops_is_judged(litert, keras_networks, count):
    crops = noise(count, 24, 24, 3)
    offsets, scores = litert.rnet(crops)
    assert offsets.shape == (count, 4)
    expected = keras_networks["rnet"].predict(noise(100, 24, 24, 3), verbose=0)
    np.testing.assert_allclose(offsets, expected[0][:count], atol=1e-5)
    np.testing.assert_allclose(scores, expected[1][:count, 1], atol=1e-5)


def test_onet_file_computes_what_keras_does(litert, keras_networks):
    crops = noise(5, 48, 48, 3)
    for actual, expected in zip(
        litert.onet(crops), keras_networks["onet"](crops), strict=True
    ):
        expected = expected if actual.ndim == 2 else expected[:, 1]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_keras_networks_judge_no_crop():
    networks = KerasNetworks()
    assert [len(output) for output in networks.rnet(noise(0, 24, 24, 3))] == [0, 0]
    offsets, landmarks, scores = networks.onet(noise(0, 48, 48, 3))
    assert offsets.shape == (0, 4)
    assert landmarks.shape == (0, 10)
    assert scores.shape == (0,)


def test_networks_match_those_of_the_package(keras_networks):
    mtcnn_stages = pytest.importorskip("mtcnn.stages")
    stages = {
        "pnet": mtcnn_stages.StagePNet(),
        "rnet": mtcnn_stages.StageRNet(),
        "onet": mtcnn_stages.StageONet(),
    }
    for name, side in (("pnet", 40), ("rnet", 24), ("onet", 48)):
        inputs = noise(2, side, side, 3)
        for ours, theirs in zip(
            keras_networks[name](inputs), stages[name].model(inputs), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_cache_is_made_once_by_threads_that_start_together(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made, barrier = [], threading.Barrier(2)

    def export(directory):
        barrier.wait(timeout=30)  # both are at work at the same time
        for name in NETWORK_NAMES:
            (directory / f"{name}.tflite").write_bytes(b"network")
        made.append(directory)

    monkeypatch.setattr("tf_sphereface.detection.networks.export_detector", export)
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(cached_networks()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert folders[0] == folders[1] == cached_networks()
    assert len(list(folders[0].iterdir())) == 3
    assert len(list(folders[0].parent.iterdir())) == 1  # no temporary folder is left


@pytest.mark.parametrize("lost", [("pnet",), ("pnet", "rnet", "onet")])
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_cache_that_lost_files_is_made_anew(tmp_path, monkeypatch, lost, spoil):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def export(directory):
        for name in NETWORK_NAMES:
            (directory / f"{name}.tflite").write_text(name)

    monkeypatch.setattr("tf_sphereface.detection.networks.export_detector", export)
    folder = cached_networks()
    for name in lost:
        spoil(folder / f"{name}.tflite")
    assert cached_networks() == folder
    for name in NETWORK_NAMES:
        assert (folder / f"{name}.tflite").read_text() == name


def test_failed_export_leaves_no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def export(directory):
        (directory / "pnet.tflite").write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("tf_sphereface.detection.networks.export_detector", export)
    with pytest.raises(OSError, match="no space left"):
        cached_networks()
    assert list((tmp_path / "tf_sphereface").iterdir()) == []


def test_missing_weights_name_the_next_step(monkeypatch):
    monkeypatch.setattr(weight_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'mtcnn>=1.0'"):
        cached_networks()


def test_missing_and_damaged_networks_are_named(tmp_path):
    with pytest.raises(InputError, match="no such detector network: .*pnet.tflite"):
        LiteRTNetworks(tmp_path)
    for name in ("pnet", "rnet", "onet"):
        (tmp_path / f"{name}.tflite").write_bytes(b"no model")
    with pytest.raises(InputError, match="pnet.tflite: the interpreter could not run"):
        LiteRTNetworks(tmp_path)


def test_detection_needs_no_tensorflow():
    cached_networks()
    script = (
        "import sys, numpy as np\n"
        "from tf_sphereface.detection import load_detector\n"
        "load_detector().detect([np.zeros((64, 64, 3), np.uint8)])\n"
        "assert not {'tensorflow', 'keras', 'mtcnn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=dict(os.environ))


def test_outputs_that_do_not_belong_together_are_one_line(monkeypatch):
    networks = LiteRTNetworks(cached_networks())
    monkeypatch.setitem(vars(networks._networks["pnet"]), "_output_indices", [0, 0])
    photos = np.zeros((2, 20, 20, 3), np.float32)
    numbers = iter([photos[:1], photos])
    interpreter = networks._networks["pnet"]._interpreter(photos.shape)
    monkeypatch.setattr(interpreter, "get_tensor", lambda _: next(numbers))
    with pytest.raises(InputError, match="pnet.tflite: .*do not belong together"):
        networks.pnet(photos)


def test_outputs_in_another_order_are_one_line(monkeypatch):
    networks = LiteRTNetworks(cached_networks())
    for name, crops in (("pnet", (2, 20, 20, 3)), ("onet", (4, 48, 48, 3))):
        network = networks._networks[name]
        swapped = network._output_indices[::-1]
        monkeypatch.setattr(network, "_output_indices", swapped)
        with pytest.raises(InputError, match=f"{name}.tflite: .*do not belong"):
            network(np.zeros(crops, np.float32))
