"""Tests for tf_sphereface.training.trainer: real records, real processes."""

import csv
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import write_people
from tests.training.small_recipe import recipe
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.fine_tuning import initial_backbone
from tf_sphereface.training.preparation import _take_crops
from tf_sphereface.training.trainer import train

ONE_STEP = {"steps": 1, "steps_per_epoch": 1}


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
    people = [f"person {number}" for number in range(4)]
    names = (tmp_path / "run" / "trained_people.txt").read_text()
    assert names.splitlines() == people
    assert 'precision = "float32"' in (tmp_path / "run" / "recipe.toml").read_text()


def test_crops_of_another_size_are_refused_before_training(records, tmp_path):
    wide = recipe(backbone={"width": 112})
    with pytest.raises(InputError, match="crops of 112 x 112 .* records hold 112 x 96"):
        train(wide, records, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("eagerly")
def test_the_network_knows_the_crops_of_the_records(tmp_path, caplog):
    people = write_people(tmp_path, 3, 4)
    said = CropGeometry(112, 96, LANDMARK_TEMPLATE + 3, "photo")
    records = tmp_path / "as_release"
    write_records(people.parent / "aligned", records, 1, crop=said)
    summary = train(recipe(schedule=ONE_STEP), records, tmp_path / "run")
    first = keras.models.load_model(summary.last).backbone
    assert first.crop == said
    tuned = initial_backbone(Path(summary.last))
    assert tuned.crop == said and caplog.text == ""
    _take_crops(tuned, said)
    assert caplog.text == ""
    _take_crops(tuned, CropGeometry())
    assert "trained on: their least squares are in the crop, not" in caplog.text
    assert tuned.crop == CropGeometry()


@pytest.mark.slow
def test_two_devices_train_too(records, tmp_path):
    summary = train(recipe(), records, tmp_path / "run", devices=2)
    classifier = keras.models.load_model(summary.last)
    assert int(classifier.head.iteration) == 12
    assert np.isfinite(summary.logs["loss"])


@pytest.mark.usefixtures("eagerly")
def test_mixed_precision_leaves_the_callers_policy_alone(records, tmp_path):
    policy = keras.config.dtype_policy().name
    train(
        recipe(schedule={"precision": "mixed_bfloat16", **ONE_STEP}),
        records,
        tmp_path / "run",
    )
    assert keras.config.dtype_policy().name == policy
    loaded = keras.models.load_model(tmp_path / "run" / "last.keras")
    assert loaded.backbone.get_layer("conv1_1").compute_dtype == "bfloat16"
    assert loaded.head.compute_dtype == "float32"


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


def test_a_batch_larger_than_the_records_is_refused(records, tmp_path):
    with pytest.raises(InputError, match="batch_size 64 is larger than the 24 faces"):
        train(recipe(data={"batch_size": 64}), records, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("eagerly")
def test_a_loss_that_is_no_longer_finite_stops_the_run(records, tmp_path):
    wild = recipe(optimizer={"learning_rate": 1e30, "gradient_norm": None})
    with pytest.raises(FloatingPointError, match="no longer finite at step"):
        train(wild, records, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_recipe_csv_has_one_header(records, tmp_path):
    train(
        recipe(schedule={"steps": 2, "steps_per_epoch": 1}), records, tmp_path / "run"
    )
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert {"epoch", "loss", "accuracy", "lambda", "learning_rate"} <= set(header)
    assert all(len(row) == len(header) for row in rows)
    assert tf.io.gfile.exists(str(tmp_path / "run" / "backup" / "state.weights.h5"))


@pytest.mark.quick_cases("class_balanced")
@pytest.mark.usefixtures("eagerly")
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
