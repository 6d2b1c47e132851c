"""Tests for tf_sphereface.training.trainer: real records, real processes."""

import csv
import shutil
import signal
import subprocess
import sys
import time

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.data.pipeline import training_batches
from tf_sphereface.data.records import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.callbacks import read_history, restore_backup
from tf_sphereface.training.recipe import Recipe
from tf_sphereface.training.run_folder import open_run
from tf_sphereface.training.trainer import train

SMALL = {
    "backbone": {"depth": 4, "width": 0.0625, "embedding_dim": 16},
    "head": {"name": "a_softmax", "annealing": {"base": 20.0, "gamma": 0.2}},
    "data": {"batch_size": 8},
    "optimizer": {"learning_rate": 0.01, "boundaries": [], "gradient_norm": 1.0},
    "schedule": {"steps": 12, "steps_per_epoch": 4, "seed": 3},
}


def recipe(**sections):
    tree = {name: dict(section) for name, section in SMALL.items()}
    for name, section in sections.items():
        tree[name].update(section)
    return Recipe.model_validate(tree)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Four identities of six crops: a colour each, and noise."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for identity in range(4):
        (folder / "aligned" / f"person {identity}").mkdir(parents=True)
        colour = rng.integers(40, 215, 3)
        for number in range(6):
            noise = rng.normal(0, 20, (112, 96, 3))
            crop = np.clip(colour + noise, 0, 255).astype(np.uint8)
            name = folder / "aligned" / f"person {identity}" / f"{number}.png"
            cv2.imwrite(str(name), crop)
    write_records(folder / "aligned", folder / "records", shards=2)
    return folder / "records"


def test_a_run_leaves_models_history_and_resolved_recipe(records, tmp_path):
    summary = train(recipe(), records, tmp_path / "run")
    assert (summary.identities, summary.steps, summary.resumed_at) == (4, 12, 0)
    rows = read_history(tmp_path / "run" / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    # Caffe counts the iteration before it computes lambda.
    lambdas = [20 / (1 + 0.2 * step) for step in (4, 8, 12)]
    assert [float(row["lambda"]) for row in rows] == pytest.approx(
        [max(value, 5.0) for value in lambdas], rel=1e-5
    )
    for name in ("last.keras", "best.keras"):
        classifier = keras.models.load_model(tmp_path / "run" / name)
        assert classifier.head.num_classes == 4
    assert list((tmp_path / "run" / "logs").rglob("events*"))
    assert (tmp_path / "run" / "environment.json").exists()
    assert 'precision = "float32"' in (tmp_path / "run" / "recipe.toml").read_text()


def test_crops_of_another_size_are_refused_before_training(records, tmp_path):
    wide = recipe(backbone={"columns": 112})
    with pytest.raises(InputError, match="crops of 112 x 112 .* records hold 112 x 96"):
        train(wide, records, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_goes_on_with_its_counter_and_momentum(records, tmp_path):
    run = tmp_path / "run"

    def interrupt(backbone):
        interrupt.epochs += 1
        if interrupt.epochs == 3:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5 + 0.1 * interrupt.epochs}

    interrupt.epochs = 0
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), records, run, validate=interrupt)
    resumed = train(
        recipe(), records, run, validate=lambda _: {"verification_accuracy": 0.1}
    )
    assert (resumed.resumed_at, resumed.steps) == (8, 12)
    rows = read_history(run / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["lambda"]) == pytest.approx(20 / 3.4, rel=1e-5)
    best = keras.models.load_model(run / "best.keras")
    assert int(best.head.iteration) == 8  # the best epoch was before the interruption


def test_a_killed_process_resumes(records, tmp_path):
    (tmp_path / "recipe.toml").write_text(
        recipe(schedule={"steps": 4000, "steps_per_epoch": 4}).to_toml()
    )
    command = [sys.executable, "-m", "tf_sphereface.commands.main", "train"]
    command += [str(tmp_path / "recipe.toml"), "--records", str(records)]
    command += ["--run", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    history = tmp_path / "run" / "history.csv"
    deadline = time.monotonic() + 240
    while not (history.exists() and len(read_history(history)) >= 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(read_history(history))
    # The same recipe, seen to its end: a step or two later.
    backup = tmp_path / "run" / "backup" / "state.weights.h5"
    classifier = build_classifier(recipe(), 4)
    steps = restore_backup(classifier, backup)
    assert steps in (4 * (done - 1), 4 * done)
    assert int(classifier.head.iteration) == steps
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(read_history(history)) < done + 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    epochs = [int(row["epoch"]) for row in read_history(history)]
    assert epochs == list(range(1, len(epochs) + 1))


def test_two_devices_train_too(records, tmp_path):
    summary = train(recipe(), records, tmp_path / "run", devices=2)
    classifier = keras.models.load_model(summary.last)
    assert int(classifier.head.iteration) == 12
    assert np.isfinite(summary.logs["loss"])


def test_mixed_precision_leaves_the_callers_policy_alone(records, tmp_path):
    policy = keras.config.dtype_policy().name
    train(
        recipe(schedule={"precision": "mixed_bfloat16", "steps": 4}),
        records,
        tmp_path / "run",
    )
    assert keras.config.dtype_policy().name == policy
    loaded = keras.models.load_model(tmp_path / "run" / "last.keras")
    assert loaded.backbone.get_layer("conv1_1").compute_dtype == "bfloat16"
    assert loaded.head.compute_dtype == "float32"


def test_another_recipe_or_a_foreign_folder_is_refused(records, tmp_path):
    train(recipe(schedule={"steps": 4}), records, tmp_path / "run")
    with pytest.raises(InputError, match="holds a training of another recipe"):
        train(recipe(schedule={"steps": 8}), records, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="is not a run folder"):
        train(recipe(), records, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"


def test_other_records_are_refused(records, tmp_path):
    train(recipe(schedule={"steps": 4}), records, tmp_path / "run")
    other = tmp_path / "other"
    write_records(records.parent / "aligned", other, shards=1, seed=1)
    with pytest.raises(InputError, match="holds a training of other records"):
        train(recipe(schedule={"steps": 4}), other, tmp_path / "run")


def test_a_second_process_is_refused(records, tmp_path):
    with (
        open_run(tmp_path / "run", recipe(), records),
        pytest.raises(InputError, match="another process is training"),
    ):
        train(recipe(), records, tmp_path / "run")
    assert train(recipe(schedule={"steps": 12}), records, tmp_path / "run").steps == 12


def test_a_damaged_shard_is_named_before_anything_is_written(records, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(records, damaged)
    shard = sorted(damaged.glob("*.tfrecord"))[1]
    content = bytearray(shard.read_bytes())
    content[500] ^= 0x40
    shard.write_bytes(content)
    with pytest.raises(InputError, match=f"damaged shard: .*{shard.name}"):
        train(recipe(), damaged, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_damaged_backup_and_history_are_named(records, tmp_path):
    run = tmp_path / "run"
    train(recipe(), records, run)
    (run / "history.csv").write_text("garbage\nfoo,bar\n")
    with pytest.raises(InputError, match="damaged history: .*history.csv"):
        train(recipe(), records, run)
    (run / "history.csv").unlink()
    assert train(recipe(), records, run).logs == {}
    backup = run / "backup" / "state.weights.h5"
    backup.write_bytes(backup.read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged backup: .*state.weights.h5"):
        train(recipe(), records, run)


def test_verification_may_begin_with_a_resumed_run(records, tmp_path):
    stopping = recipe(schedule={"steps": 12})
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(stopping, records, run, validate=interrupt_at(2))
    rows = read_history(run / "history.csv")
    assert "verification_accuracy" in rows[0]
    (run / "history.csv").write_text("epoch,loss\n1,0.5\n")
    resumed = train(
        stopping, records, run, validate=lambda _: {"verification_accuracy": 0.7}
    )
    assert resumed.logs["verification_accuracy"] == 0.7


def interrupt_at(epoch):
    calls = iter(range(1, epoch + 1))

    def validate(backbone):
        if next(calls) == epoch:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5}

    return validate


def test_a_batch_larger_than_the_records_is_refused(records, tmp_path):
    with pytest.raises(InputError, match="batch_size 64 is larger than the 24 faces"):
        train(recipe(data={"batch_size": 64}), records, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_longer_finite_stops_the_run(records, tmp_path):
    wild = recipe(optimizer={"learning_rate": 1e30, "gradient_norm": None})
    with pytest.raises(FloatingPointError, match="no longer finite at step"):
        train(wild, records, tmp_path / "run")


def test_batches_are_normalised_reproducible_and_mirrored(records):
    def first(seed, mirrored):
        batches = training_batches(
            records, 24, contract=PixelContract(), seed=seed, mirrored=mirrored
        )
        return next(iter(batches.as_numpy_iterator()))

    images, labels = first(0, mirrored=True)
    assert images.shape == (24, 112, 96, 3)
    assert images.dtype == np.float32
    assert labels.dtype == np.int32
    assert np.abs(images).max() <= 1.0
    assert images.min() < -0.2
    again, _ = first(0, mirrored=True)
    np.testing.assert_array_equal(images, again)
    plain, plain_labels = first(0, mirrored=False)
    np.testing.assert_array_equal(labels, plain_labels)
    same = (images == plain).all(axis=(1, 2, 3))
    flipped = (images == plain[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ flipped).all()
    assert 4 < flipped.sum() < 20
    assert not np.array_equal(first(1, mirrored=True)[1], labels)


def test_every_face_comes_once_an_epoch(records):
    batches = training_batches(
        records, 8, contract=PixelContract(), seed=0, mirrored=False
    )
    faces = np.concatenate(
        [images for images, _ in batches.take(3).as_numpy_iterator()]
    )
    assert len(np.unique(faces.reshape(24, -1), axis=0)) == 24


def test_the_recipe_csv_has_one_header(records, tmp_path):
    train(recipe(), records, tmp_path / "run")
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert {"epoch", "loss", "accuracy", "lambda", "learning_rate"} <= set(header)
    assert all(len(row) == len(header) for row in rows)
    assert tf.io.gfile.exists(str(tmp_path / "run" / "backup" / "state.weights.h5"))


@pytest.mark.parametrize("sampling", ["uniform", "class_balanced"])
def test_a_shard_damaged_while_training_is_named_with_its_byte(
    records, tmp_path, sampling
):
    copy = tmp_path / "records"
    shutil.copytree(records, copy)
    path = sorted(copy.glob("*.tfrecord"))[1]
    content = path.read_bytes()
    start = 12 + int.from_bytes(content[:8], "little") + 4 + 12

    def damage(backbone):
        if sampling == "uniform":  # one byte of the second record
            changed = bytearray(content)
            changed[start + 100] ^= 1
            path.write_bytes(changed)
        else:
            path.write_bytes(content[: start + 100])
        return {"verification_accuracy": 0.5}

    longer = recipe(
        data={"sampling": sampling}, schedule={"steps": 48, "steps_per_epoch": 4}
    )
    with pytest.raises(InputError, match=f"{path}, byte {start}: ") as caught:
        train(longer, copy, tmp_path / "run", validate=damage)
    assert "\n" not in str(caught.value)
