"""Tests for the command examples.mnist_hypersphere, end to end."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import digit_data
import mnist_hypersphere
import toy_runs
import toy_training
from toy_losses import LOSSES

ARGUMENTS = ["--losses", "normalized_softmax", "--seeds", "1", "--json"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Folder and arguments of a run of the command, which has ended with 0."""
    out = tmp_path_factory.mktemp("comparison")
    arguments = [*ARGUMENTS, "--epochs", "8", "--out", str(out)]
    assert mnist_hypersphere.main(arguments) == 0
    return out, arguments


@pytest.mark.slow
def test_each_loss_and_size_has_a_row_and_has_learnt(comparison):
    out, _ = comparison
    rows = json.loads((out / "table.json").read_text())
    assert [(row["loss"], row["dim"]) for row in rows] == [
        ("normalized_softmax", 2),
        ("normalized_softmax", 3),
    ]
    for row in rows:
        assert 0.2 < row["test_accuracy"] <= 1  # a tenth by chance
        assert row["test_accuracy_by_seed"] == [row["test_accuracy"]]
        assert 0 < row["genuine_angle"] < row["impostor_angle"] < 180


@pytest.mark.slow
def test_the_three_figures_are_pictures(comparison):
    out, _ = comparison
    for name in ("scatter_2d", "sphere_3d", "angles"):
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_says_the_same(comparison, capsys, monkeypatch):
    out, arguments = comparison
    before = json.loads((out / "table.json").read_text())
    monkeypatch.setattr(toy_training, "train_toy", None)
    assert mnist_hypersphere.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == before


@pytest.mark.slow
def test_a_run_with_other_settings_is_not_taken_for_this_one(comparison):
    out, _ = comparison
    data = digit_data.load_small_digits()
    path = toy_runs.run_path(out / "runs", "normalized_softmax", 2, 0)
    settings = {
        "epochs": 8,
        "precision": "float32",
        "data": toy_runs.data_checksum(data),
    }
    job = (data, "normalized_softmax", 2, 0)
    assert toy_runs.load_run(path, *job, settings) is not None
    assert toy_runs.load_run(path, *job, {**settings, "epochs": 9}) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_broken_run_is_trained_again(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    data = digit_data.load_small_digits()
    assert toy_runs.load_run(path, data, "center", 2, 0, {}) is None


@pytest.mark.slow
def test_training_sees_no_test_image_and_no_test_label(monkeypatch):
    data = digit_data.load_small_digits()
    train = {image.tobytes() for image in digit_data.network_input(data.train_images)}
    seen = []

    class Watched(digit_data.ShiftedBatches):
        def __getitem__(self, index):
            images, labels = super().__getitem__(index)
            seen.extend(image.tobytes() for image in images)
            return images, labels

    monkeypatch.setattr(toy_training, "ShiftedBatches", Watched)
    run = toy_training.train_toy(data, "center", 2, 0, epochs=1)
    assert len(seen) >= 9 * 128 and set(seen) <= train
    turned = dataclasses.replace(data, test_labels=data.test_labels[::-1])
    again = toy_training.train_toy(turned, "center", 2, 0, epochs=1)
    np.testing.assert_allclose(again.embeddings, run.embeddings, rtol=1e-4, atol=1e-5)


def test_annealing_reaches_almost_nothing_by_the_last_image():
    head = LOSSES["a_softmax_4"].head(3, 600_000)
    assert head.annealing.unit == "images" and head.margin == 4
    assert float(head.annealing(0)) == pytest.approx(1000)
    assert float(head.annealing(600_000)) == pytest.approx(1000 / 20**4)


def test_the_names_of_the_command_are_those_of_the_losses():
    assert tuple(LOSSES) == mnist_hypersphere.LOSS_NAMES


def test_too_few_images_for_a_batch_are_refused():
    data = digit_data.load_small_digits()
    with pytest.raises(ValueError, match="`batch_size` must be at most .* images"):
        toy_training.train_toy(data, "softmax", 2, 0, epochs=1, batch_size=5000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mnist", "nowhere"], "error: --mnist must be a folder of idx files"),
        (["--mnist", "."], "error: no file train-images-idx3-ubyte or "),
        (["--seeds", "0"], "error: --seeds must be at least 1. Received: 0"),
        (["--epochs", "0"], "error: --epochs must be at least 1. Received: 0"),
        (["--dims", "3", "1"], "error: --dims must be at least 2. Received: 1"),
        (["--out", "file"], "error: --out must be a folder. Received: file"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    assert mnist_hypersphere.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(message) and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
