"""Tests for `sphereface quantization-train`: real runs, records and processes."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from tests.quantization_training.conftest import needs_tfmot, python
from tests.training.conftest import write_people
from tests.training.small_recipe import recipe
from tf_sphereface.commands.quantization_train import main
from tf_sphereface.embedding_models import load_embedding_model
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.quantization_training import process
from tf_sphereface.quantization_training.recipe import QuantizationRecipe
from tf_sphereface.quantization_training.run_source import open_source_run
from tf_sphereface.training.recipes.recipe import read_recipe
from tf_sphereface.training.trainer import train

SETTINGS = (
    *("data.batch_size=8", "schedule.steps=6", "schedule.steps_per_epoch=3"),
    *("optimizer.boundaries=[]", "optimizer.learning_rate=0.001"),
)
SCHEMES = {
    "qat": (),
    "float": ("scheme.name=float",),
    "prune": ("scheme.name=prune", "scheme.sparsity=0.6"),
    "cluster": ("scheme.name=cluster", "scheme.clusters=5"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a network with batch norm, and its records."""
    folder = tmp_path_factory.mktemp("trained")
    records = write_people(folder, 3, 5)
    small = recipe(backbone={"batch_norm": True}, schedule={"steps": 4})
    train(small, records, folder / "run")
    return folder / "run", records


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "quantization.toml"
    path.write_text("")
    return path


def arguments(trained, recipe_file, out, *overrides):
    run, records = trained
    sets = [part for override in overrides for part in ("--set", override)]
    paths = ["--recipe", recipe_file, "--records", records, "--out", out]
    return [str(part) for part in (run, *paths, *sets)]


def command(*arguments):
    return python("-m", "tf_sphereface.commands.main", "quantization-train", *arguments)


@needs_tfmot
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_run_becomes_a_smaller_file(trained, recipe_file, tmp_path, scheme):
    out = tmp_path / "out"
    overrides = (*SETTINGS, *SCHEMES[scheme])
    done = command(*arguments(trained, recipe_file, out, *overrides))
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name for path in out.iterdir()} == {
        *("history.csv", "model.keras", "model.tflite"),
        "quantization_training.json",
    }
    result = json.loads((out / "quantization_training.json").read_text("utf-8"))
    assert [row["epoch"] for row in result["history"]] == [1, 2]
    assert all(np.isfinite(row["loss"]) for row in result["history"])
    assert result["result"]["bytes"] == (out / "model.tflite").stat().st_size
    smaller = result["result"]["deflated_bytes"] / result["float"]["deflated_bytes"]
    assert smaller < (1.01 if scheme == "float" else 0.8)
    backbone = load_embedding_model(out / "model.keras")
    check_kernels(scheme, backbone, result["kernels"])
    check_same_network(scheme, out / "model.tflite", backbone, crops_of(trained))


def check_kernels(scheme, backbone, figures):
    kernels = {
        layer.name: layer.get_weights()[0]
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    }
    assert set(figures) == set(kernels)
    for name, kernel in kernels.items():
        if scheme == "prune":
            assert abs((kernel == 0).mean() - 0.6) < 0.02
            assert figures[name]["zeros"] == pytest.approx(
                (kernel == 0).mean(), abs=1e-3
            )
        elif scheme == "cluster":
            assert 2 <= len(np.unique(kernel)) == figures[name]["values"] <= 5
        elif scheme == "qat":  # a scale for each channel
            assert 2 < figures[name]["values"] <= 255 * kernel.shape[-1]
        else:
            assert figures[name]["values"] > 0.9 * kernel.size


def crops_of(trained):
    """Crops that the run has seen: the ranges of 8 bits are of such."""
    paths = sorted((trained[1].parent / "aligned").rglob("*.png"))[:4]
    return np.stack([cv2.imread(str(path))[..., ::-1] for path in paths])


def check_same_network(scheme, path, backbone, faces):
    """The file and the .keras file embed alike; 8 bits nearly so."""
    stored = load_embedding_source(path).embed(faces)
    images = backbone.pixel_contract.normalize(faces.astype("float32"))
    exact = np.asarray(backbone(images, training=False))
    cosines = (stored * exact).sum(1)
    cosines /= np.linalg.norm(stored, axis=1) * np.linalg.norm(exact, axis=1)
    assert cosines.min() > (0.95 if scheme == "qat" else 0.999999)


@needs_tfmot
def test_a_loss_that_explodes_is_exit_1_and_leaves_nothing(
    trained, recipe_file, tmp_path
):
    out = tmp_path / "out"
    wild = (*SETTINGS, "optimizer.learning_rate=1e30", "optimizer.gradient_norm=1e9")
    done = command(*arguments(trained, recipe_file, out, *wild))
    assert done.returncode == 1
    assert done.stderr.strip().startswith("error: the loss is no longer finite")
    assert list(tmp_path.iterdir()) == [recipe_file]


def test_without_the_libraries_the_extra_is_named(
    trained, recipe_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(process, "_NEEDED", ("no_such_library",))
    assert main(arguments(trained, recipe_file, tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no_such_library not found")
    assert "tf-sphereface[quantization]" in error
    assert error.count("\n") == 1


def test_no_keras_json_reaches_the_process_that_trains(monkeypatch):
    """Neither that of Keras 3 nor that of tf-keras, which is the same file."""
    seen = {}
    finished = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(process, "check_installed", lambda: None)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: seen.update(options) or finished
    )
    assert process.run_job(process.Job("run", {}, "records", "out")) == 0
    assert not (Path(seen["env"]["KERAS_HOME"]) / "keras.json").exists()
    assert seen["env"]["PATH"] == os.environ["PATH"]


def test_a_bad_recipe_is_refused_before_anything_starts(
    trained, recipe_file, tmp_path, capsys
):
    bad = arguments(trained, recipe_file, tmp_path / "out", "scheme.name=prune")
    assert main([*bad, "--set", "scheme.sparsity=1.0"]) == 2
    assert "`scheme.sparsity`" in capsys.readouterr().err


def test_the_shipped_recipe_is_read(tmp_path):
    shipped = read_recipe("recipes/quantization.toml", (), QuantizationRecipe)
    assert shipped.scheme.name == "qat"


def test_a_folder_without_a_run_is_refused(trained, tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        open_source_run(tmp_path, "best", trained[1])


def test_records_of_other_people_are_refused(trained, tmp_path):
    other = write_people(tmp_path, 2, 5)
    with pytest.raises(InputError, match="other records"):
        open_source_run(trained[0], "last", other)


def test_a_run_without_the_checkpoint_is_refused(trained, tmp_path):
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(InputError, match="no best.keras yet"):
        open_source_run(tmp_path, "best", trained[1])
