"""A run that was left, killed or damaged, and folders of other runs."""

import math
import os
import signal
import subprocess
import sys
import time

import keras
import pytest

from tests.training.small_recipe import recipe
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.backup import restore_backup
from tf_sphereface.training.callbacks import BestModel, read_history
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe
from tf_sphereface.training.run_folder import open_run
from tf_sphereface.training.trainer import train

pytestmark = pytest.mark.usefixtures("eagerly")
ONE_STEP = {"steps": 1, "steps_per_epoch": 1}


def interrupt_at(epoch):
    calls = iter(range(1, epoch + 1))

    def validate(backbone):
        if next(calls) == epoch:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5}

    return validate


def test_an_interrupted_run_goes_on_with_its_counter_and_momentum(records, tmp_path):
    run = tmp_path / "run"
    short = recipe(schedule={"steps": 3, "steps_per_epoch": 1})

    def interrupt(backbone):
        interrupt.epochs += 1
        if interrupt.epochs == 3:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5 + 0.1 * interrupt.epochs}

    interrupt.epochs = 0
    with pytest.raises(KeyboardInterrupt):
        train(short, records, run, validate=interrupt)
    resumed = train(
        short, records, run, validate=lambda _: {"verification_accuracy": 0.1}
    )
    assert (resumed.resumed_at, resumed.steps) == (2, 3)
    rows = read_history(run / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["lambda"]) == pytest.approx(20 / 1.6, rel=1e-5)
    best = keras.models.load_model(run / "best.keras")
    assert int(best.head.iteration) == 2  # the best epoch was before the interruption


# Settings of Keras as some other project of the user needs them.
KERAS_JSON = """{
    "floatx": "float64",
    "epsilon": 0.1,
    "backend": "torch",
    "image_data_format": "channels_first"
}"""


@pytest.mark.slow
def test_a_killed_process_resumes_whatever_keras_json_says(records, tmp_path):
    (tmp_path / "keras.json").write_text(KERAS_JSON)
    env = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}
    (tmp_path / "recipe.toml").write_text(
        recipe(schedule={"steps": 4000, "steps_per_epoch": 1}).to_toml()
    )
    command = [sys.executable, "-m", "tf_sphereface.commands.main", "train"]
    command += [str(tmp_path / "recipe.toml"), "--records", str(records)]
    command += ["--run", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env)
    history = tmp_path / "run" / "history.csv"
    deadline = time.monotonic() + 240
    while not (history.exists() and len(read_history(history)) >= 2):
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
    assert steps in (done - 1, done)
    assert int(classifier.head.iteration) == steps
    long = read_recipe(tmp_path / "recipe.toml")
    with pytest.raises(KeyboardInterrupt):
        train(long, records, tmp_path / "run", validate=interrupt_at(3))
    best = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert best.dtype_policy.name == best.backbone.dtype_policy.name == "float32"
    assert best.backbone.input_shape == (None, 112, 96, 3)
    epochs = [int(row["epoch"]) for row in read_history(history)]
    assert len(epochs) > done
    assert epochs == list(range(1, len(epochs) + 1))


@pytest.mark.slow
def test_verification_may_begin_with_a_resumed_run(records, tmp_path):
    stopping = recipe(schedule={"steps": 2, "steps_per_epoch": 1})
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


@pytest.mark.slow
def test_the_best_verified_model_stays_where_a_resumed_run_is_not_verified(
    records, tmp_path, caplog
):
    run, short = tmp_path / "run", recipe(schedule={"steps": 2, "steps_per_epoch": 1})
    with pytest.raises(KeyboardInterrupt):
        train(short, records, run, validate=interrupt_at(2))
    before = (run / "best.keras").read_bytes()
    assert "was verified" not in caplog.text
    assert train(short, records, run).resumed_at == 1
    assert (run / "best.keras").read_bytes() == before
    assert "best.keras stays that of its best verification" in caplog.text


@pytest.mark.slow
def test_damaged_backup_and_history_are_named(records, tmp_path):
    run = tmp_path / "run"
    short = recipe(schedule=ONE_STEP)
    train(short, records, run)
    (run / "history.csv").write_text("garbage\nfoo,bar\n")
    with pytest.raises(InputError, match="damaged history: .*history.csv"):
        train(short, records, run)
    (run / "history.csv").unlink()
    assert train(short, records, run).logs == {}
    backup = run / "backup" / "state.weights.h5"
    backup.write_bytes(backup.read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged backup: .*state.weights.h5"):
        train(short, records, run)


def test_another_recipe_or_a_foreign_folder_is_refused(records, tmp_path):
    train(recipe(schedule=ONE_STEP), records, tmp_path / "run")
    with pytest.raises(InputError, match="holds a training of another recipe"):
        train(recipe(schedule={"steps": 8}), records, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="is not a run folder"):
        train(recipe(), records, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"


@pytest.mark.parametrize("name", ["backup", "logs", "logs/train"])
def test_a_link_in_a_run_from_elsewhere_is_not_followed(records, tmp_path, name):
    run, other = tmp_path / "run", tmp_path / "other"
    with open_run(run, recipe(), records):
        pass
    other.mkdir()
    (other / "state.weights.h5").write_bytes(b"of another run")
    if (run / name).exists():
        (run / name).rmdir()
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(other)
    with (
        pytest.raises(InputError, match=f"a link to one: .*{name}; nothing is"),
        open_run(run, recipe(), records),
    ):
        pass


def begun_with(weights):
    tree = recipe().model_dump(exclude_none=True, exclude={"backbone"})
    tree["fine_tuning"] = {"initial_weights": str(weights)}
    return Recipe.model_validate(tree)


@pytest.mark.parametrize("earlier", ["stage1/last.keras", "other/best.keras"])
def test_a_run_goes_on_where_its_initial_weights_are_in_another_place(
    records, tmp_path, monkeypatch, earlier
):
    """Of a stage in a run folder that was moved, or by another name of the folder."""
    monkeypatch.chdir(tmp_path)
    for folder in ("run", "moved"):
        (tmp_path / folder / earlier).parent.mkdir(parents=True)
        (tmp_path / folder / earlier).write_bytes(b"weights")
    (tmp_path / "moved" / "other.keras").write_bytes(b"other weights")
    run = tmp_path / "its folder"
    with open_run(run, begun_with(f"run/{earlier}"), records):
        pass
    for place in (f"moved/{earlier}", tmp_path / "moved" / earlier):
        with open_run(run, begun_with(place), records):
            pass
    with (
        pytest.raises(InputError, match="holds a training of other initial weights"),
        open_run(run, begun_with("moved/other.keras"), records),
    ):
        pass
    frozen = begun_with(f"run/{earlier}")
    tuning = frozen.fine_tuning.model_copy(update={"frozen_stages": 1})
    with (
        pytest.raises(InputError, match="holds a training of another recipe"),
        open_run(run, frozen.model_copy(update={"fine_tuning": tuning}), records),
    ):
        pass


def test_a_figure_that_is_no_number_is_not_the_best(tmp_path):
    for earlier, best in (([math.nan, 0.5], 0.5), ([0.5, math.nan], 0.5), ([], None)):
        callback = BestModel(tmp_path / "best.keras", "verification_accuracy", earlier)
        assert callback.best == (-math.inf if best is None else best)


def test_a_run_whose_recipe_has_former_keys_goes_on(records, tmp_path):
    run = tmp_path / "run"
    with open_run(run, recipe(), records):
        pass
    text = (run / "recipe.toml").read_text()
    former = text.replace("width = 96", "columns = 96")
    former = former.replace("width_multiplier = ", "width = ")
    assert former != text
    (run / "recipe.toml").write_text(former)
    with open_run(run, recipe(), records):
        assert (run / "recipe.toml").read_text() == former
    with (
        pytest.raises(InputError, match="holds a training of another recipe"),
        open_run(run, recipe(backbone={"width": 64}), records),
    ):
        pass


@pytest.mark.slow
def test_other_records_are_refused(records, tmp_path):
    train(recipe(schedule=ONE_STEP), records, tmp_path / "run")
    other = tmp_path / "other"
    write_records(records.parent / "aligned", other, shards=1, seed=1)
    with pytest.raises(InputError, match="holds a training of other records"):
        train(recipe(schedule=ONE_STEP), other, tmp_path / "run")


def test_a_second_process_is_refused(records, tmp_path):
    with (
        open_run(tmp_path / "run", recipe(schedule=ONE_STEP), records),
        pytest.raises(InputError, match="another process is writing to"),
    ):
        train(recipe(schedule=ONE_STEP), records, tmp_path / "run")
    assert train(recipe(schedule=ONE_STEP), records, tmp_path / "run").steps == 1
