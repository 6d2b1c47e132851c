"""Tests for tf_sphereface.commands.train: exit codes and messages."""

import json
from types import SimpleNamespace

import pytest

from tf_sphereface.commands import train
from tf_sphereface.commands.export import tflite
from tf_sphereface.commands.train import main
from tf_sphereface.data.records import manifest


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[backbone]\ndepth = 4\n")
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_an_unknown_key_is_one_line_and_exit_2(recipe_file, tmp_path, capsys):
    recipe_file.write_text("[backbone]\nlayers = 4\n")
    out = tmp_path / "run"
    assert run(recipe_file, "--records", tmp_path, "--run", out) == 2
    error = capsys.readouterr().err
    assert (
        error.strip() == f"error: recipe {recipe_file}: unknown key `backbone.layers`"
    )
    assert not out.exists()


def test_missing_records_are_one_line_and_exit_2(recipe_file, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(recipe_file, "--records", tmp_path / "absent", "--run", out) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not out.exists()


def test_images_without_pairs_are_refused(recipe_file, tmp_path):
    with pytest.raises(SystemExit) as stop:
        run(recipe_file, "--records", "r", "--run", "x", "--images", tmp_path)
    assert stop.value.code == 2


def test_training_and_export_note_pairs_of_people_who_are_trained_on(
    tmp_path, capsys, monkeypatch
):
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2\t1\nann\t1\t2\nann\t1\tbo\t1\ncy\t1\t2\ncy\t1\tdi\t1\n")
    known = SimpleNamespace(identities=["di"])
    monkeypatch.setattr(manifest, "read_manifest", lambda records: known)
    train._warn_of_known_people(tmp_path, pairs)
    (tmp_path / "last.keras").touch()
    tflite._warn_of_known_people(tmp_path, pairs)
    (tmp_path / "trained_people.txt").write_text("ann\ncy\nx\n")
    tflite._warn_of_known_people(tmp_path, pairs)
    tflite._warn_of_known_people(tmp_path, None)
    notes = capsys.readouterr().err.splitlines()
    assert [note.split(" have")[0] for note in notes] == [
        "note: 1 of the 4 people of the pairs",
        "note: 2 of the 4 people of the pairs",
    ]


@pytest.mark.parametrize("options", ["", "--dry-run --run x", "--dry-run --find-lear"])
def test_a_run_folder_or_a_trial_is_asked_for(recipe_file, capsys, options):
    with pytest.raises(SystemExit) as stop:
        run(recipe_file, "--records", "r", *options.split())
    assert stop.value.code == 2
    message = "--run is needed" if "lear" not in options else "not allowed with"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "function"),
    [
        ("--dry-run", "dry_run.dry_run"),
        ("--find-learning-rate", "rate_finder.find_learning_rate"),
    ],
)
def test_a_trial_prints_what_it_found(
    recipe_file, tmp_path, capsys, monkeypatch, option, function
):
    def trial(recipe, records, devices):
        return [str(records), recipe.backbone.depth, devices]

    monkeypatch.setattr(f"tf_sphereface.training.{function}", trial)
    assert run(recipe_file, "--records", "faces", option, "--devices", 1) == 0
    assert json.loads(capsys.readouterr().out) == ["faces", 4, 1]
