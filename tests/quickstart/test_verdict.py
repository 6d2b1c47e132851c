"""Tests for tf_sphereface.quickstart.verdict."""

import shlex
from pathlib import Path

import pytest

from tf_sphereface.commands import import_weights, quickstart
from tf_sphereface.quickstart.verdict import ENOUGH_PEOPLE, verdict
from tf_sphereface.training.recipes.recipe import read_recipe
from tf_sphereface.training.recipes.shipped import find_recipe


def test_few_people_are_no_product_and_the_next_commands_are_valid():
    text, importing, tuning = verdict(45, 0.7371, "my photos", False).splitlines()
    assert text.startswith("45 people are too few for a product: 73.7% of the pairs")
    assert "over 99 % on LFW" in text
    program, command, *arguments = shlex.split(importing)
    assert (program, command) == ("sphereface", "import-weights")
    imported = import_weights.build_parser().parse_args(arguments)
    program, command, *arguments = shlex.split(tuning)
    assert (program, command) == ("sphereface", "quickstart")
    args = quickstart.build_parser().parse_args(arguments)
    assert args.data == "my photos"
    recipe = read_recipe(find_recipe(args.recipe), args.set)
    assert Path(recipe.fine_tuning.initial_weights) == imported.out


@pytest.mark.parametrize(
    ("people", "data", "fine_tuned", "says"),
    [
        (240, "synthetic", False, "drawn by a program"),
        (ENOUGH_PEOPLE, "photos", False, "training.md"),
        (20, "photos", True, "before the fine-tuning: sphereface evaluate"),
        (ENOUGH_PEOPLE - 1, "lfw", False, "too few"),
    ],
)
def test_each_case_has_a_next_step(people, data, fine_tuned, says):
    text = verdict(people, 0.95, data, fine_tuned)
    assert says in text and "Next" in text
    assert ("too few" in text) == (says == "too few")
