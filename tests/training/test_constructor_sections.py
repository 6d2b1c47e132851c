"""Tests for tf_sphereface.training.recipes.constructor_sections and model_sections."""

import inspect
import subprocess
import sys
from typing import Literal

import keras
import pytest

from tf_sphereface.backbones import BACKBONES
from tf_sphereface.heads import HEADS
from tf_sphereface.losses import METRIC_LOSSES
from tf_sphereface.training.recipes.constructor_sections import section_of
from tf_sphereface.training.recipes.recipe import Recipe

# Keys and defaults of every section, by hand: a change of one changes what a recipe
# that leaves it out trains.
HEAD_DEFAULTS = {
    "a_softmax": {
        "margin": 4,
        "scale": None,
        "gradient": "autodiff",
        "annealing": {
            "base": 1000.0,
            "gamma": 0.12,
            "power": 1.0,
            "minimum": 5.0,
            "unit": "iterations",
        },
    },
    "adaface": {"margin": 0.4, "concentration": 0.333, "rate": 0.01, "scale": 64.0},
    "am_softmax": {"margin": 0.35, "scale": 30.0, "sub_centers": 1},
    "arcface": {
        "margin": 0.5,
        "scale": 64.0,
        "sub_centers": 1,
        "detach_margin": False,
    },
    "coco": {"scale": 21.475},
    "curricularface": {"margin": 0.5, "scale": 64.0, "rate": 0.01},
    "l_softmax": {
        "margin": 4,
        "annealing": {
            "base": 1000.0,
            "gamma": 2.5e-05,
            "power": 35.0,
            "minimum": 0.0,
            "unit": "iterations",
        },
    },
    "magface": {
        "norms": (10.0, 110.0),
        "margins": (0.45, 0.8),
        "regularizer_weight": 35.0,
        "scale": 64.0,
    },
    "normalized_softmax": {"scale": None},
    "softmax": {},
    "sphereface2": {
        "margin": 0.4,
        "scale": 40.0,
        "balance": 0.7,
        "exponent": 3.0,
        "loss_weight": 1.0,
        "detach_margin": False,
    },
    "sphereface_r": {
        "margin": 1.5,
        "version": 1,
        "scale": 30.0,
        "detach_margin": True,
        "loss_weight": 1.0,
    },
}
BACKBONE_DEFAULTS = {
    "inception_face": {
        "embedding_dim": 128,
        "width_multiplier": 1.0,
        "height": 224,
        "width": 224,
    },
    "inception_resnet_v1": {
        "embedding_dim": 512,
        "width_multiplier": 1.0,
        "height": 160,
        "width": 160,
        "dropout": 0.0,
    },
    "iresnet": {
        "depth": 50,
        "embedding_dim": 512,
        "width_multiplier": 1.0,
        "height": 112,
        "width": 112,
        "dropout": 0.0,
    },
    "keras_application": {
        "application": "MobileNetV2",
        "embedding_dim": 512,
        "height": 112,
        "width": 96,
        "pooling": "average",
        "dropout": 0.0,
        "options": {},
        "weights": None,
    },
    "mobilefacenet": {
        "embedding_dim": 128,
        "width_multiplier": 1.0,
        "height": 112,
        "width": 96,
        "tensorflow_padding": False,
    },
    "sphereface_cnn": {
        "depth": 20,
        "embedding_dim": 512,
        "width_multiplier": 1.0,
        "height": 112,
        "width": 96,
        "batch_norm": False,
    },
    "zfnet_face": {
        "embedding_dim": 128,
        "width_multiplier": 1.0,
        "height": 220,
        "width": 220,
    },
}
LOSS_DEFAULTS = {
    "angular_triplet": {"margin": 0.2, "form": "angle", "weight": 1.0},
    "center": {"alpha": 0.5, "weight": 0.008},
    "contrastive": {"margin": 1.0, "normalize": False, "weight": 1.0},
    "triplet_hard": {
        "margin": 0.2,
        "soft": False,
        "squared": False,
        "normalize": True,
        "weight": 1.0,
    },
    "triplet_semihard": {
        "margin": 0.2,
        "squared": True,
        "normalize": True,
        "weight": 1.0,
    },
}

CASES = [
    *(("head", name, keys) for name, keys in HEAD_DEFAULTS.items()),
    *(("backbone", name, keys) for name, keys in BACKBONE_DEFAULTS.items()),
    *(("metric_losses", name, keys) for name, keys in LOSS_DEFAULTS.items()),
]


def section(kind, name, **keys):
    table = {"name": name, **keys}
    if name == "keras_application":
        table.setdefault("application", "MobileNetV2")
    tree = {kind: [table] if kind == "metric_losses" else table}
    found = getattr(Recipe.model_validate(tree), kind)
    return found[0] if kind == "metric_losses" else found


@pytest.mark.parametrize(("kind", "name", "keys"), CASES)
def test_keys_and_defaults_are_those_of_the_table(kind, name, keys):
    assert section(kind, name).model_dump() == {"name": name, **keys}


def test_all_that_the_first_recipes_could_name_is_there():
    assert set(HEAD_DEFAULTS) <= set(HEADS)
    assert set(BACKBONE_DEFAULTS) <= set(BACKBONES)
    assert set(LOSS_DEFAULTS) <= set(METRIC_LOSSES)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_without_keys_is_that_of_the_constructor(name):
    ours = section("head", name).make(10).get_config()
    theirs = HEADS[name](10).get_config()
    assert {**ours, "name": ""} == {**theirs, "name": ""}


@pytest.mark.parametrize("name", METRIC_LOSSES)
def test_a_loss_without_keys_is_that_of_the_constructor(name):
    needed = {"num_classes": 10} if name == "center" else {}
    ours = section("metric_losses", name).make(10).get_config()
    assert ours == METRIC_LOSSES[name](**needed).get_config()


@pytest.mark.parametrize("constructors", [HEADS, BACKBONES, METRIC_LOSSES])
def test_every_constructor_says_its_types(constructors):
    for constructor in constructors.values():
        for key, parameter in inspect.signature(
            constructor.__init__
        ).parameters.items():
            if key != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                assert parameter.annotation is not parameter.empty, (constructor, key)


def test_reading_a_recipe_counts_no_layer_of_keras():
    section("head", "coco")  # loads Keras
    keras.backend.clear_session()  # names count from the start
    section("head", "arcface")
    assert HEADS["arcface"](10).name == "arc_face_layer"


class Ramp:
    """An object with a config, as annealings are."""

    def __init__(self, end: float, start: float = 0.0):
        if end <= start:
            raise ValueError(f"`end` must exceed `start`. Received: {end=}")
        self.end, self.start = end, start

    def get_config(self):
        return {"end": self.end, "start": self.start}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def example(
    size: int,
    ramp: Ramp = Ramp(3.0, 1.0),  # noqa: B008
    step: int | Ramp = 2,
    kind: Literal["a", "b"] = "a",
    *,
    hidden: int = 0,
):
    return size, ramp, step, kind, hidden


def test_an_object_with_a_config_is_a_table_with_its_own_defaults():
    recipe = section_of(example).model_validate({"size": 1, "ramp": {"end": 2.0}})
    size, ramp, step, kind, hidden = recipe.make()
    assert (size, ramp.end, ramp.start, step, kind, hidden) == (1, 2.0, 1.0, 2, "a", 0)
    assert recipe.model_dump() == {
        "size": 1,
        "ramp": {"end": 2.0, "start": 1.0},
        "step": 2,
        "kind": "a",
    }
    again = section_of(example).model_validate(recipe.model_dump())
    assert again == recipe


def test_a_number_may_be_a_table_too():
    recipe = section_of(example).model_validate({"size": 1, "step": {"end": 2.0}})
    assert (recipe.make()[2].end, recipe.make()[2].start) == (2.0, 0.0)
    assert recipe.model_dump()["step"] == {"end": 2.0, "start": 0.0}


@pytest.mark.parametrize(
    ("table", "where", "message"),
    [
        ({}, ("size",), "Field required"),
        ({"size": 1, "hidden": 1}, ("hidden",), "Extra inputs"),
        ({"size": 1, "ramp": {"end": 0.5}}, ("ramp",), "`end` must exceed `start`"),
        ({"size": 1, "step": {"end": 0}}, ("step",), "`end` must exceed `start`"),
        ({"size": 1, "step": {"up": 0}}, ("step", "end"), "Field required"),
        ({"size": 1, "step": "x"}, ("step",), "valid integer"),
        ({"size": 1, "kind": "c"}, ("kind",), "'a' or 'b'"),
        ({"size": 1, "ramp": {"end": float("inf")}}, ("ramp", "end"), "finite number"),
    ],
)
def test_a_wrong_key_or_value_is_found_where_it_is(table, where, message):
    with pytest.raises(ValueError, match=message) as raised:
        section_of(example).model_validate(table)
    assert raised.value.errors()[0]["loc"] == where


def test_a_missing_recipe_is_told_before_keras_loads(tmp_path):
    check = (
        "import sys\n"
        "from tf_sphereface.commands.main import main\n"
        f"code = main(['train', {str(tmp_path / 'absent.toml')!r}, '--records', 'r',"
        " '--run', 'r'])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True
    )
    assert (result.returncode, "no such recipe" in result.stderr) == (2, True)
