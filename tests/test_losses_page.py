"""docs/losses.md: its tables name every loss, with the defaults that the code has."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tf_sphereface.heads import HEADS
from tf_sphereface.losses import METRIC_LOSSES

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


LOSSES = HEADS | METRIC_LOSSES


def test_every_loss_has_a_row():
    assert set(ROWS) == {each.__name__ for each in LOSSES.values()}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda each: each.__name__)
def test_defaults_are_those_of_the_code(loss):
    signature = inspect.signature(loss).parameters
    for part in filter(str.strip, ROWS[loss.__name__]["defaults"].split(",")):
        letter, *numbers = re.findall(r"[\w.]+", part.replace("rad", ""))
        names = LETTERS.get(letter, (letter,))
        (default,) = (signature[name].default for name in names if name in signature)
        numbers = [float(number) for number in numbers if number != "to"]
        assert numbers == list(default if isinstance(default, tuple) else [default])


def test_recipe_names_are_those_that_recipes_take():
    rows = {row["recipe"]: name for name, row in ROWS.items()}
    assert rows == {name: each.__name__ for name, each in LOSSES.items()}


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
