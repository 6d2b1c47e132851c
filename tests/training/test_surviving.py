"""Runs that are killed or stopped, and go on as if nothing had been."""

import json
import random
import signal
import subprocess
import sys
import threading

import h5py
import keras
import numpy as np
import pytest

from tests.training.small_recipe import recipe
from tf_sphereface.errors import InputError
from tf_sphereface.training import callbacks
from tf_sphereface.training.backup import (
    Backup,
    restore_backup,
    restore_sums,
)
from tf_sphereface.training.batches import PartOrder
from tf_sphereface.training.callbacks import BestModel
from tf_sphereface.training.progress import TrainingProgress
from tf_sphereface.training.stop_requests import StopRequests
from tf_sphereface.training.trainer import RunOptions, train

SCHEDULE = {"steps": 6, "steps_per_epoch": 3, "deterministic": True}


class Killed(BaseException):
    """Ends a training where it stands."""


def weights_of(run):
    return keras.models.load_model(run / "last.keras").get_weights()


def assert_same_bits(run, undisturbed):
    for ours, theirs in zip(weights_of(run), weights_of(undisturbed), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    history = (run / "history.csv").read_text()
    assert history == (undisturbed / "history.csv").read_text()


def at_step(monkeypatch, step, action):
    """Lets a training do something when a step is done, before its backup."""
    plain = TrainingProgress.on_train_batch_end

    def acting(self, batch, logs=None):
        plain(self, batch, logs)
        if self.step == step:
            action()

    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", acting)


def kill():
    raise Killed


def kill_in_backup(monkeypatch):
    def dying(model, path, step):
        raise Killed

    monkeypatch.setattr("tf_sphereface.training.backup._add_unsaved", dying)


def kill_between_history_and_backup(monkeypatch):
    plain = BestModel.on_epoch_end

    def dying(self, epoch, logs=None):
        plain(self, epoch, logs)
        if epoch == 1:
            raise Killed

    monkeypatch.setattr(BestModel, "on_epoch_end", dying)


@pytest.mark.usefixtures("eagerly")
def test_a_run_killed_three_times_ends_with_the_bits_of_an_undisturbed_one(
    records, tmp_path
):
    longer = recipe(schedule=SCHEDULE, optimizer={"ema": 0.9})
    train(longer, records, tmp_path / "undisturbed")
    run, options = tmp_path / "run", {"backup_steps": 2}
    kills = (
        lambda patch: at_step(patch, 2, lambda: kill_in_backup(patch)),
        lambda patch: at_step(patch, 2, lambda: signal.raise_signal(signal.SIGTERM)),
        kill_between_history_and_backup,
    )
    for kill_in, end in zip(kills, (Killed, SystemExit, Killed), strict=True):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(end):
            kill_in(patch)
            train(longer, records, run, **options)
    assert train(longer, records, run, **options).resumed_at == 4
    assert_same_bits(run, tmp_path / "undisturbed")


class Dropping(keras.Model):
    """Has a random state and an optimizer, and takes no time."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        self.dropout = keras.layers.Dropout(0.5, seed=3)

    def call(self, inputs, training=None):
        return self.dropout(self.dense(inputs), training=training)


def dropping():
    model = Dropping()
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 4)))
    return model


def backed_up(path, **options):
    model = dropping()
    backup = Backup(path, steps_per_epoch=10, every=1, **options)
    backup.set_model(model)
    backup.on_train_batch_end(0)
    return model, backup


def test_a_backup_holds_random_states_and_sums_of_metrics(tmp_path):
    path = tmp_path / "state.weights.h5"
    model, backup = backed_up(path)
    other = dropping()
    for _ in range(3):
        other.train_on_batch(np.zeros((4, 2)), np.ones((4, 4)))
    other.reset_metrics()
    assert restore_backup(other, path) == 1
    restore_sums(other, path)
    assert other.get_metrics_result() == model.get_metrics_result()
    for ours, theirs in zip(other.variables, model.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    batch = np.ones((4, 2)), np.ones((4, 4))
    assert other.train_on_batch(*batch) == model.train_on_batch(*batch)
    with h5py.File(path, "a") as file:
        del file["tf_sphereface/sums/0"], file["tf_sphereface/random/0"]
    for restore in (restore_sums, restore_backup):
        with pytest.raises(InputError, match="damaged backup"):
            restore(other, path)


def test_a_backup_of_before_begins_at_the_end_of_its_epoch(tmp_path):
    path = tmp_path / "state.weights.h5"
    model = dropping()
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 4)))
    model.save_weights(path)
    assert restore_backup(dropping(), path) == 2


@pytest.mark.parametrize("place", ["weight", "optimizer"])
def test_weights_that_are_not_finite_replace_no_backup(tmp_path, place):
    path = tmp_path / "state.weights.h5"
    model, backup = backed_up(path)
    kept = path.read_bytes()
    lost = model.weights[0] if place == "weight" else model.optimizer.variables[-1]
    lost.assign(np.full(lost.shape, np.nan))
    message = "no longer finite at step 2; the backup of step 1 is kept"
    with pytest.raises(FloatingPointError, match=message):
        backup.on_train_batch_end(1)
    assert path.read_bytes() == kept


def test_a_run_folder_that_goes_away_is_said_with_the_step(tmp_path):
    path = tmp_path / "backup" / "state.weights.h5"
    path.parent.mkdir()
    _, backup = backed_up(path)
    path.unlink()
    path.parent.rmdir()
    message = "No such file .*; the run goes on from step 1: '.*state.weights.h5'"
    with pytest.raises(OSError, match=message):
        backup.on_train_batch_end(1)


@pytest.mark.parametrize(
    ("number", "end"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)]
)
def test_a_signal_stops_after_the_step_with_a_backup(tmp_path, caplog, number, end):
    path = tmp_path / "state.weights.h5"
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with StopRequests() as stop:
        model, backup = backed_up(path, stop=stop)
        backup.every = None
        signal.raise_signal(signal.Signals[number])
        with pytest.raises(end):
            backup.on_train_batch_end(1)
        # From now on a second one ends the process.
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert restore_backup(dropping(), path) == 2
    assert f"{number}: stops after this step" in caplog.text
    assert "stopped at step 2; the same command goes on" in caplog.text


def test_a_signal_in_the_last_step_of_an_epoch_waits_for_its_figures(tmp_path):
    path = tmp_path / "state.weights.h5"
    with StopRequests() as stop:
        model, backup = backed_up(path, stop=stop)
        backup.step = 9
        signal.raise_signal(signal.SIGTERM)
        backup.on_train_batch_end(9)
        assert restore_backup(dropping(), path) == 1
        with pytest.raises(SystemExit) as stopped:
            backup.on_epoch_end(0)
    assert stopped.value.code == 143
    assert restore_backup(dropping(), path) == 10


def test_other_threads_install_no_handlers():
    def enter():
        with StopRequests() as stop:
            found.append(stop.requested)

    found = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [None]


@pytest.mark.usefixtures("eagerly")
def test_a_lost_loss_names_step_and_photos_and_keeps_the_backup(
    records, tmp_path, monkeypatch
):
    def lose():
        monkeypatch.setattr(callbacks.math, "isfinite", lambda value: False)

    at_step(monkeypatch, 3, lose)
    with pytest.raises(FloatingPointError) as lost:
        train(recipe(), records, tmp_path / "run", backup_steps=2)
    named = (tmp_path / "run" / "not_finite.txt").read_text().split("\n")[:-1]
    order = PartOrder(recipe(), records)
    assert named == order.photos(3) and len(named) == 8
    message = str(lost.value)
    assert f"at step 4, a batch of {named[0]}, {named[1]}, {named[2]} and" in message
    assert "the backup of step 2 is kept" in message
    monkeypatch.undo()
    with h5py.File(tmp_path / "run" / "backup" / "state.weights.h5") as file:
        assert file["tf_sphereface"].attrs["step"] == 2


def test_backup_steps_must_be_positive():
    with pytest.raises(InputError, match="--backup-steps must be at least 1"):
        RunOptions(backup_steps=0)


# Trains once for each line on stdin, in a process of its own that dies in a step.
FORKS = """
import json, os, random, signal, sys, threading, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow
from tf_sphereface.commands.main import main
import tf_sphereface.training.trainer
from tf_sphereface.training.progress import TrainingProgress

def dies_at(step, delay):
    plain = TrainingProgress.on_train_batch_end
    def counting(self, batch, logs=None):
        plain(self, batch, logs)
        if self.step == step:
            def kill():
                time.sleep(delay)
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Thread(target=kill).start()
    TrainingProgress.on_train_batch_end = counting

for line in sys.stdin:
    argv, step, delay = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        dies_at(step, delay)
        code = 70
        try:
            code = main(argv)
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(status), flush=True)
"""


@pytest.mark.slow
def test_twenty_kills_in_200_steps(records, tmp_path):
    longer = recipe(
        schedule={**SCHEDULE, "steps": 200, "steps_per_epoch": 50},
        optimizer={"ema": 0.9, "accumulation": 2},
    )
    (tmp_path / "recipe.toml").write_text(longer.to_toml())
    server = subprocess.Popen(
        [sys.executable, "-c", FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(name, step=0, delay=0.0):
        argv = ["train", tmp_path / "recipe.toml", "--records", records]
        argv += ["--run", tmp_path / name, "--backup-steps", 7]
        print(json.dumps([list(map(str, argv)), step, delay]), file=server.stdin)
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    assert run("undisturbed") == 0
    rng = random.Random(0)
    steps = sorted(rng.sample(range(1, 200), 20))
    for step in steps:
        assert run("run", step, rng.uniform(0, 0.05)) == -signal.SIGKILL
    assert run("run") == 0
    server.communicate()
    assert_same_bits(tmp_path / "run", tmp_path / "undisturbed")
    with open(tmp_path / "run" / "history.csv") as file:
        assert [line.split(",")[0] for line in file] == ["epoch", *"1234"]
