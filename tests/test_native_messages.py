"""Tests for tf_sphereface.native_messages: the user's settings of Keras."""

import json
import os
import runpy
import subprocess
import sys

import keras
import pytest

from tf_sphereface import native_messages
from tf_sphereface.commands.main import main
from tf_sphereface.errors import InputError

CONFIG = keras.config.backend.__code__.co_filename  # reads the settings


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A process that has not loaded Keras; gives the path of its settings."""
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr(native_messages, "_keras_defaults", False)
    monkeypatch.setattr(os, "environ", {**os.environ, "KERAS_HOME": str(tmp_path)})
    os.environ.pop("KERAS_BACKEND", None)
    # An `import keras` that does no more than read the settings.
    (tmp_path / "keras.py").write_text(
        f"import runpy\nsettings = runpy.run_path({CONFIG!r})\n"
        "config = type('config', (), settings)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "keras.json"


@pytest.mark.parametrize("backend", ["torch", "jax", "theano"])
def test_another_backend_is_refused_by_the_variables_name(fresh, backend):
    os.environ["KERAS_BACKEND"] = backend
    with pytest.raises(InputError, match=f"KERAS_BACKEND={backend}; unset it"):
        native_messages.load_tensorflow()


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_backend_of_keras_json_is_overruled(fresh, backend):
    fresh.write_text(json.dumps({"backend": backend}))
    assert runpy.run_path(CONFIG)["_BACKEND"] == backend
    native_messages.load_tensorflow()
    assert sys.modules["keras"].settings["_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    "settings",
    [
        "[1]",
        '{"floatx": "bfloat16"}',
        '{"epsilon": 1}',
        '{"image_data_format": "NCHW"}',
    ],
)
def test_settings_that_keras_refuses_are_one_line(fresh, settings):
    fresh.write_text(settings)
    with pytest.raises(InputError, match=r"^Keras cannot be loaded: .*keras\.json"):
        native_messages.load_tensorflow()


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("train quickstart --records r --run x", "TensorFlow or JAX"),
        ("export-weights m.keras --out x.safetensors", "TensorFlow"),
        ("import-weights m.pth --backbone sphereface4 --out x.keras", "TensorFlow"),
        ("evaluate m.keras --images . --pairs m.pth --out x", "TensorFlow"),
    ],
    ids=lambda value: value.split()[0],
)
def test_commands_refuse_another_backend_in_one_line(
    command, needed, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name in ("m.keras", "m.pth"):
        (tmp_path / name).touch()
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert f"backend must be {needed}. Received: KERAS_BACKEND=torch" in error
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_command_starts_with_the_defaults_of_keras(tmp_path):
    """In a process of its own: TensorFlow loads Keras by itself, once."""
    settings = {"floatx": "float64", "epsilon": 0.1, "backend": "torch"}
    settings["image_data_format"] = "channels_first"
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    program = (
        "from tf_sphereface import native_messages as messages\n"
        "messages.use_keras_defaults()\n"
        "messages.load_tensorflow()\n"
        "from keras import config\n"
        "print(config.backend(), config.floatx(), config.dtype_policy().name,\n"
        "      config.epsilon(), config.image_data_format())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("tensorflow", "float32", "float32", "1e-07", "channels_last")
    ]
