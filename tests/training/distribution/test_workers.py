"""Two processes that train together: as one would, and when one of them is lost."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.small_recipe import recipe
from tf_sphereface.evaluation import make_pairs, write_lfw_pairs
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.trainer import train

pytestmark = pytest.mark.slow
TRAIN = [sys.executable, "-m", "tf_sphereface.commands.main", "train"]
PROGRAM = [sys.executable, "-m", "tests.training.distribution.worker_program"]
ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def two_workers(*commands):
    """Both processes; those that are left at the end are killed."""
    free = [socket.create_server(("localhost", 0)) for _ in commands]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in free]
    for each in free:
        each.close()
    started = []
    for index, command in enumerate(commands):
        task = {"type": "worker", "index": index}
        settings = json.dumps({"cluster": {"worker": addresses}, "task": task})
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        started.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "TF_CONFIG": settings, "PYTHONPATH": path},
            )
        )
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ended(processes, seconds=240):
    """Exit code, stdout and stderr of each."""
    outputs = [process.communicate(timeout=seconds) for process in processes]
    return [(p.returncode, *both) for p, both in zip(processes, outputs, strict=True)]


def train_command(folder, records, run, *options):
    command = [*TRAIN, str(folder / "recipe.toml"), "--records", str(records)]
    return [*command, "--run", str(folder / run), "--json", *options]


def assert_same_weights(one, other, tolerance):
    one, other = keras.models.load_model(one), keras.models.load_model(other)
    for here, there in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(here, there, atol=tolerance, err_msg=here.path)


def test_two_workers_train_like_one_process_and_the_chief_writes(records, tmp_path):
    long = recipe(schedule={"steps": 50, "steps_per_epoch": 10})
    (tmp_path / "recipe.toml").write_text(long.to_toml())
    aligned = records.parent / "aligned"
    write_lfw_pairs(make_pairs(aligned, 2, 10, 0), tmp_path / "pairs.txt")
    verified = "--images", str(aligned), "--pairs"
    options = *verified, str(tmp_path / "pairs.txt")  # the chief alone verifies
    commands = [
        train_command(tmp_path, records, run, *options) for run in ("run", "other")
    ]
    with two_workers(*commands) as processes:
        (code, chief, told), (other_code, other, silent) = ended(processes)
    assert (code, other_code) == (0, 0), told + silent
    assert json.loads(chief)["last"] == str(tmp_path / "run" / "last.keras")
    assert "epoch 5: " in told and silent == ""
    summary = json.loads(other)
    assert (summary["steps"], summary["last"], summary["logs"]) == (50, None, {})
    assert not (tmp_path / "other").exists()
    alone = train(long, records, tmp_path / "alone")
    assert_same_weights(tmp_path / "run" / "last.keras", alone.last, 1e-4)
    rows, expected = (
        read_history(tmp_path / run / "history.csv") for run in ("run", "alone")
    )
    for row, like in zip(rows, expected, strict=True):
        assert 0 <= float(row["verification_auc"]) <= 1
        assert {name: float(row[name]) for name in like} == pytest.approx(
            {name: float(value) for name, value in like.items()}, rel=1e-3
        )


def test_a_run_whose_workers_were_stopped_and_killed_ends_as_if_not(records, tmp_path):
    long = recipe(schedule={"steps": 300, "steps_per_epoch": 10})
    (tmp_path / "recipe.toml").write_text(long.to_toml())
    options = "--backup-steps", "7"
    commands = [
        train_command(tmp_path, records, run, *options) for run in ("run", "other")
    ]
    history = tmp_path / "run" / "history.csv"

    def wait_for(rows, processes):
        end = time.monotonic() + 240
        while not history.exists() or len(read_history(history)) < rows:
            assert time.monotonic() < end
            assert [process.poll() for process in processes] == [None, None]
            time.sleep(0.05)

    with two_workers(*commands) as processes:
        wait_for(1, processes)
        processes[1].send_signal(signal.SIGTERM)  # both stop in the same step
        first = ended(processes)
    assert [code for code, *_ in first] == [143, 143]
    assert all("the same command goes on from there" in told for *_, told in first)
    with two_workers(*commands) as processes:
        wait_for(len(read_history(history)) + 2, processes)
        processes[1].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        ((code, _, told), _) = ended(processes)
        assert time.monotonic() - killed < 60
    assert code == 2 and "Traceback" not in told
    assert "error: worker 1 (localhost:" in told.splitlines()[-1]
    assert "has ended or cannot be reached; start all workers again" in told
    done = len(read_history(history))
    assert done < 30
    with two_workers(*commands) as processes:
        (code, summary, told), (other_code, *_) = ended(processes)
    assert (code, other_code) == (0, 0), told
    assert json.loads(summary)["resumed_at"] >= 10 * (done - 1)  # or the row was lost
    assert [int(row["epoch"]) for row in read_history(history)] == [*range(1, 31)]
    alone = train(long, records, tmp_path / "alone")
    assert_same_weights(tmp_path / "run" / "last.keras", alone.last, 1e-4)


@pytest.mark.parametrize("lost", [0, 1], ids=["chief", "other"])
def test_a_worker_that_ends_before_tensorflow_starts_is_not_waited_for(lost):
    """It has come and said the same as the others: an hour was waited for it."""
    program = (
        "import os, sys\n"
        "from tf_sphereface.training.distribution import workers\n"
        "if sys.argv[1] == 'lost':\n"
        "    workers.cluster_strategy = lambda *_: os._exit(9)\n"
        "workers.join_workers(dict, seconds=30)\n"
    )
    parts = ["lost" if index == lost else "other" for index in range(2)]
    with two_workers(*([sys.executable, "-c", program, p] for p in parts)) as processes:
        outputs = ended(processes, 120)
    (code, _, told), left = outputs[1 - lost], outputs[lost]
    assert (left[0], code) == (9, 1)
    reason = "cannot join the 2 workers of TF_CONFIG: not all of them came within 30 s"
    assert reason in told.splitlines()[-1]


def test_the_others_are_told_why_a_worker_ends(records, tmp_path):
    (tmp_path / "recipe.toml").write_text(recipe().to_toml())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("dear")
    commands = [train_command(tmp_path, records, run) for run in ("run", "other")]
    with two_workers(*commands) as processes:
        (code, _, told), (other_code, _, others) = ended(processes)
    assert (code, other_code) == (2, 2)
    assert f"error: {tmp_path / 'run'} exists and is not a run folder" in told
    assert "error: worker 0 (localhost:" in others
    assert f"ended: {tmp_path / 'run'} exists and is not a run folder" in others


@pytest.mark.parametrize("layers", ["plain", "batch_norm"])
def test_fit_of_a_script_trains_alike_on_both_workers(layers):
    with two_workers([*PROGRAM, layers], [*PROGRAM, layers]) as processes:
        (code, chief, told), (_, other, _) = ended(processes)
    assert code == 0, told
    chief, other = json.loads(chief), json.loads(other)
    assert chief["logs"] == other["logs"]
    assert chief["evaluated"] == other["evaluated"]
    alone = subprocess.run(
        [*PROGRAM, layers], capture_output=True, text=True, check=True, cwd=ROOT
    )
    alone = json.loads(alone.stdout)
    differing = [
        name
        for name in chief["weights"]
        if chief["weights"][name] != other["weights"][name]
    ]
    if layers == "plain":
        assert differing == []
        assert chief["weights"] == pytest.approx(alone["weights"], rel=1e-4)
        assert chief["evaluated"] == pytest.approx(alone["evaluated"], rel=1e-4)
    else:  # each worker has the statistics of its own faces
        assert differing and all("moving_" in name for name in differing)
        assert chief["weights"] != pytest.approx(alone["weights"], rel=1e-4)
