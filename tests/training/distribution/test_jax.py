"""Trainings on Keras' JAX backend: `make test-backends` runs these, on two devices."""

import json

import keras
import numpy as np
import pytest

from tests.training.small_recipe import recipe
from tf_sphereface.errors import InputError
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.trainer import train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="not Keras' backend"),
]


def assert_same_weights(one, other):
    one, other = keras.models.load_model(one), keras.models.load_model(other)
    for here, there in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(here, there, atol=1e-5, err_msg=here.path)


def test_two_devices_train_like_one(records, tmp_path):
    long = recipe(schedule={"steps": 50, "steps_per_epoch": 10})
    one = train(long, records, tmp_path / "one", devices=1)
    assert keras.distribution.distribution() is None
    two = train(long, records, tmp_path / "two", devices=2)
    assert keras.distribution.distribution().device_mesh.devices.size == 2
    assert_same_weights(one.last, two.last)
    assert one.logs == pytest.approx(two.logs, rel=1e-4)
    environment = json.loads((tmp_path / "two" / "environment.json").read_text())
    assert (environment["backend"], environment["devices"]) == ("jax", ["CPU", "CPU"])
    assert "jax" in environment["packages"]


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(
    "sections", [{}, {"optimizer": {"ema": 0.9}, "backbone": {"batch_norm": True}}]
)
def test_an_interrupted_run_goes_on_in_its_step(records, tmp_path, sections, devices):
    def interrupt(backbone):
        interrupt.epochs += 1
        if interrupt.epochs == 2:  # step 8; the backup is of step 6, within an epoch
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5}

    interrupt.epochs = 0
    options = {"devices": devices, "backup_steps": 3}
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(recipe(**sections), records, run, validate=interrupt, **options)
    resumed = train(recipe(**sections), records, run, **options)
    assert resumed.resumed_at == 6
    alone = train(recipe(**sections), records, tmp_path / "alone", **options)
    assert_same_weights(resumed.last, alone.last)
    rows, expected = read_history(run / "history.csv"), alone.logs
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name in ("loss", "accuracy", "lambda"):
        assert float(rows[-1][name]) == pytest.approx(expected[name], rel=1e-4)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"schedule": {"deterministic": True}}, "schedule.deterministic: not with KER"),
        ({"optimizer": {"accumulation": 2}}, "optimizer.accumulation: not with KERAS_"),
    ],
)
def test_what_was_not_tried_on_jax_is_refused(records, tmp_path, sections, message):
    with pytest.raises(InputError, match=message):
        train(recipe(**sections), records, tmp_path / "run", devices=1)
    assert not (tmp_path / "run").exists()


def test_more_devices_than_there_are_and_several_machines_are_refused(
    records, tmp_path, monkeypatch
):
    with pytest.raises(InputError, match="--devices 3: JAX has 2; XLA_FLAGS=.*=3 "):
        training_strategy(3)
    task = {"type": "worker", "index": 0}
    settings = {"cluster": {"worker": ["a:1", "b:2"]}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(settings))
    with pytest.raises(InputError, match="several machines need KERAS_BACKEND=tensor"):
        train(recipe(), records, tmp_path / "run")
