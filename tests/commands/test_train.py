"""Tests for tf_sphereface.commands.train: exit codes and messages."""

import pytest

from tf_sphereface.commands.train import main


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
