"""Tests for tf_sphereface.training.recipes.shipped and `sphereface recipes`."""

import tomllib
from pathlib import Path

import pytest

from tf_sphereface.commands.main import main
from tf_sphereface.errors import InputError
from tf_sphereface.training.recipes.recipe import FineTuningRecipe, read_recipe
from tf_sphereface.training.recipes.shipped import (
    find_recipe,
    published_figure,
    shipped_recipes,
)

FOLDER = Path(__file__).parents[2] / "recipes"


def test_every_file_is_listed_with_a_sentence(capsys):
    names = {file.stem for file in FOLDER.glob("*.toml")}
    assert set(shipped_recipes()) == names
    assert all(len(sentence) > 20 for sentence in shipped_recipes().values())
    assert main(["recipes"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == names


def test_a_printed_recipe_is_the_file(capsys):
    assert main(["recipes", "quickstart"]) == 0
    printed = capsys.readouterr().out
    expected = tomllib.loads((FOLDER / "quickstart.toml").read_text())
    assert tomllib.loads(printed) == expected


def test_files_come_before_names_and_others_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert find_recipe(Path("quickstart")).read_text().count("[backbone]") == 1
    Path("quickstart").write_text("mine")
    assert find_recipe(Path("quickstart")).read_text() == "mine"
    with pytest.raises(InputError, match="no such recipe: fast; .* quickstart, "):
        find_recipe(Path("fast"))
    assert main(["train", "fast", "--records", "r", "--run", "x"]) == 2
    assert "no such recipe: fast" in capsys.readouterr().err


def test_the_published_figure_is_that_of_network_and_loss(tmp_path):
    def figure(name, *overrides):
        return published_figure(read_recipe(FOLDER / f"{name}.toml", overrides))

    assert figure("sphereface20_casia") == "LFW 99.30 %"
    assert figure("sphereface20_casia", "schedule.seed=7") == "LFW 99.30 %"
    assert figure("sphereface20_casia", "head.margin=3") is None
    assert figure("coco20_casia") is None and figure("quickstart") is None
    # The network of these is that of a file, whatever `[backbone]` has by default.
    like_sphereface20 = read_recipe(FOLDER / "sphereface20_casia.toml")
    tuning = FineTuningRecipe(initial_weights=str(tmp_path / "other.keras"))
    tuned = like_sphereface20.model_copy(update={"fine_tuning": tuning})
    assert published_figure(tuned) is None
    assert figure("vggface_casia") is None
