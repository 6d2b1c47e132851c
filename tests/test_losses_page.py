"""docs/losses.md: its tables name every loss, with the defaults that the code has."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

import tf_sphereface.heads
import tf_sphereface.losses
from tf_sphereface.training.head_recipes import HeadRecipe
from tf_sphereface.training.set_loss_recipes import SetLossRecipe

PAGE = (Path(__file__).parents[1] / "docs/losses.md").read_text(encoding="utf-8")
ROWS = {
    match["name"]: match
    for match in re.finditer(
        r"^\| .* \|(?P<defaults>[^|]*)\| `(?P<name>\w+)` \| `(?P<recipe>\w+)` \|",
        PAGE,
        re.MULTILINE,
    )
}
# The names that a table's letters have in code.
LETTERS = {"m": ("margin", "margins"), "s": ("scale",), "α": ("alpha",)}


def losses():
    for module, ending in (
        (tf_sphereface.heads, "Layer"),
        (tf_sphereface.losses, "Loss"),
    ):
        for name in module.__all__:
            if name.endswith(ending) and name != "SetLoss":
                yield getattr(module, name)


def test_every_loss_has_a_row():
    assert set(ROWS) == {each.__name__ for each in losses()}


@pytest.mark.parametrize("loss", list(losses()), ids=lambda each: each.__name__)
def test_defaults_are_those_of_the_code(loss):
    signature = inspect.signature(loss).parameters
    for part in filter(str.strip, ROWS[loss.__name__]["defaults"].split(",")):
        letter, *numbers = re.findall(r"[\w.]+", part.replace("rad", ""))
        names = LETTERS.get(letter, (letter,))
        (default,) = (signature[name].default for name in names if name in signature)
        numbers = [float(number) for number in numbers if number != "to"]
        assert numbers == list(default if isinstance(default, tuple) else [default])


def test_recipe_names_are_those_that_recipes_take():
    names = set()
    for recipe in (HeadRecipe, SetLossRecipe):
        schema = TypeAdapter(recipe).json_schema()
        names |= set(schema["discriminator"]["mapping"])
    assert {row["recipe"] for row in ROWS.values()} == names - {"none"}


def test_pictures_are_small_and_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE)
    assert len(pictures) == 3
    for picture in pictures:
        assert (Path(__file__).parents[1] / "docs" / picture).stat().st_size < 200_000


def test_the_loop_of_ones_own_trains_head_and_backbone():
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names = {}
    exec(script, names)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(16, 6)).astype("float32")
    labels = np.arange(16) % 4
    losses = [float(names["train_step"](images, labels)) for _ in range(20)]
    assert int(names["head"].iteration) == 20
    assert losses[-1] < losses[0]
