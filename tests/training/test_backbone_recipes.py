"""Tests of the [backbone] of recipes."""

import pytest

from tf_sphereface.backbones import BACKBONES
from tf_sphereface.errors import InputError
from tf_sphereface.training.assembly import build_backbone, build_classifier
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe

# Arguments other than the defaults, each of them.
OTHERS = {
    "inception_face": {
        "embedding_dim": 8,
        "width_multiplier": 0.0625,
        "height": 64,
        "width": 48,
    },
    "inception_resnet_v1": {
        "embedding_dim": 8,
        "width_multiplier": 0.0625,
        "height": 112,
        "width": 96,
        "dropout": 0.25,
    },
    "iresnet": {
        "depth": 18,
        "embedding_dim": 8,
        "width_multiplier": 0.0625,
        "height": 64,
        "width": 48,
        "dropout": 0.25,
    },
    "keras_application": {
        "application": "MobileNetV2",
        "embedding_dim": 8,
        "height": 64,
        "width": 48,
        "pooling": "flatten",
        "dropout": 0.25,
        "options": {"alpha": 0.35},
    },
    "mobilefacenet": {
        "embedding_dim": 8,
        "width_multiplier": 0.125,
        "height": 64,
        "width": 48,
    },
    "sphereface_cnn": {
        "depth": 4,
        "embedding_dim": 8,
        "width_multiplier": 0.125,
        "height": 64,
        "width": 48,
        "batch_norm": True,
    },
    "zfnet_face": {
        "embedding_dim": 8,
        "width_multiplier": 0.03125,
        "height": 64,
        "width": 48,
    },
}


def test_every_backbone_is_tested_here():
    assert set(OTHERS) == set(BACKBONES)


@pytest.mark.quick_cases(
    "iresnet", "keras_application", "mobilefacenet", "sphereface_cnn", "zfnet_face"
)
@pytest.mark.parametrize("name", OTHERS)
def test_every_backbone_is_chosen_by_name_with_its_arguments(name, tmp_path):
    path = tmp_path / "recipe.toml"
    recipe = Recipe.model_validate({"backbone": {"name": name, **OTHERS[name]}})
    path.write_text(recipe.to_toml())
    section = read_recipe(path).backbone
    assert section == recipe.backbone
    backbone = build_backbone(section)
    assert type(backbone) is BACKBONES[name]
    config = backbone.get_config()
    assert {key: config[key] for key in OTHERS[name]} == OTHERS[name]
    contract = backbone.pixel_contract
    assert (contract.height, contract.width) == backbone.input_shape[1:3]


def test_a_section_without_a_name_is_the_papers_network():
    recipe = Recipe.model_validate({"backbone": {"depth": 4}})
    named = {"name": "sphereface_cnn", "depth": 4}
    assert recipe == Recipe.model_validate({"backbone": named})
    assert type(recipe.backbone.make()) is BACKBONES["sphereface_cnn"]


@pytest.mark.parametrize(
    ("name", "full", "depth"),
    [("sphereface36", "sphereface_cnn", 36), ("iresnet18", "iresnet", 18)],
)
def test_a_name_may_say_the_depth(name, full, depth):
    recipe = Recipe.model_validate({"backbone": {"name": name}})
    said = {"backbone": {"name": full, "depth": depth}}
    assert recipe == Recipe.model_validate(said)


def test_a_recipes_classifier_has_its_backbone():
    recipe = Recipe.model_validate(
        {"backbone": {"name": "mobilefacenet", **OTHERS["mobilefacenet"]}}
    )
    classifier = build_classifier(recipe, 5)
    assert type(classifier.backbone) is BACKBONES["mobilefacenet"]
    assert classifier.head.kernel.shape == (8, 5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["backbone.name=vgg"], "`backbone`: `name` must be one of .*'vgg'"),
        (["backbone.name=iresnet", "backbone.depth=20"], "`backbone.depth`: Input"),
        (["backbone.name=iresnet20"], "`backbone.depth`: Input"),
        (["backbone.name=iresnet50", "backbone.depth=18"], "`depth` must be 50"),
        (["backbone.name=mobilefacenet", "backbone.depth=4"], "key `backbone.depth`"),
        (
            ["backbone.name=inception_resnet_v1", "backbone.width=74"],
            "`backbone`: `height` and `width` must be at least 75",
        ),
        (["backbone.name=keras_application"], "`backbone.application`: Field required"),
        (["backbone.width_multiplier=8.5"], "`backbone`: `width_multiplier` must be"),
        (["backbone.width_multiplier=112"], "`backbone`: `width_multiplier` must be"),
        (["backbone.embedding_dim=0"], "`backbone`: `embedding_dim` must be >= 1"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path, overrides, message):
    path = tmp_path / "recipe.toml"
    path.write_text("[backbone]\ndepth = 4\n")
    with pytest.raises(InputError, match=message):
        read_recipe(path, overrides)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"application": "VGG99"}, "`application` must be .* 'VGG99'"),
        ({"application": "VGG16", "pooling": "max"}, "'average' or 'flatten'"),
        ({"application": "VGG16", "weights": "absent.h5"}, "`weights` must be None"),
        ({"application": "VGG16", "dropout": 1.0}, "`dropout` must be in"),
    ],
)
def test_what_a_keras_network_cannot_have_is_told_when_the_recipe_is_read(
    arguments, message
):
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate({"backbone": {"name": "keras_application", **arguments}})


def test_an_option_that_a_keras_network_does_not_take_is_named():
    backbone = {"application": "VGG16", "options": {"alpha": 0.5}}
    recipe = Recipe.model_validate(
        {"backbone": {"name": "keras_application", **backbone}}
    )
    with pytest.raises(InputError, match=r"\[backbone\] VGG16: .*alpha"):
        build_backbone(recipe.backbone)
