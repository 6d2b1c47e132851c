"""Tests for tf_sphereface.training.recipes.renamed_keys, by recipes of before."""

import logging

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe
from tf_sphereface.training.recipes.renamed_keys import present_override

OLD = """
[[set_losses]]
name = "center"
alpha = 0.25

[backbone]
name = "sphereface_cnn"
depth = 4
width = 0.5
height = 64
columns = 48
"""
PRESENT = {
    "metric_losses": [{"name": "center", "alpha": 0.25}],
    "backbone": {"depth": 4, "width_multiplier": 0.5, "height": 64, "width": 48},
}


@pytest.fixture
def old_recipe(tmp_path):
    path = tmp_path / "old.toml"
    path.write_text(OLD)
    return path


def test_an_old_recipe_is_read_with_a_note_of_one_line(old_recipe, caplog):
    with caplog.at_level(logging.WARNING):
        recipe = read_recipe(old_recipe)
    assert recipe == Recipe.model_validate(PRESENT)
    (note,) = caplog.messages
    assert "\n" not in note
    for renamed in (
        "set_losses is now metric_losses",
        "backbone.width is now width_multiplier",
        "backbone.columns is now width",
    ):
        assert renamed in note


def test_a_present_recipe_has_no_note_and_reads_back(old_recipe, caplog):
    text = read_recipe(old_recipe).to_toml()
    caplog.clear()
    old_recipe.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert read_recipe(old_recipe) == Recipe.model_validate(PRESENT)
    assert not caplog.messages
    assert "columns" not in text and "set_losses" not in text


@pytest.mark.parametrize(
    ("overrides", "multiplier", "width"),
    [
        (["backbone.width=0.25"], 0.25, 48),
        (["backbone.width_multiplier=0.25"], 0.25, 48),
        (["backbone.width=96"], 0.5, 96),
        (["backbone.columns=96"], 0.5, 96),
        (["backbone.width=0.25", "backbone.width=96"], 0.25, 96),
    ],
)
def test_overrides_may_have_old_or_present_keys(
    old_recipe, overrides, multiplier, width
):
    backbone = read_recipe(old_recipe, overrides).backbone
    assert (backbone.width_multiplier, backbone.width) == (multiplier, width)


def test_only_keys_of_the_backbone_are_renamed():
    assert present_override("set_losses", []) == "metric_losses"
    assert present_override("data.width", 1) == "data.width"
    assert present_override("backbone.options.width", 1) == "backbone.options.width"


def test_old_and_present_keys_together_are_refused(old_recipe):
    old_recipe.write_text("[backbone]\nwidth_multiplier = 0.5\ncolumns = 96\n")
    with pytest.raises(InputError, match="unknown key `backbone.columns`"):
        read_recipe(old_recipe)


def test_a_key_without_use_is_noted_and_dropped(old_recipe, caplog):
    old_recipe.write_text("[data]\nbatch_size = 64\nshuffle_buffer = 50000\n")
    with caplog.at_level(logging.WARNING):
        assert read_recipe(old_recipe).data.batch_size == 64
    assert "data.shuffle_buffer has no use: all records are shuffled" in caplog.text
