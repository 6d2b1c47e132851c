"""Tests for tf_sphereface.training.backbone_recipes and how backbones are built."""

import inspect

import pytest
from pydantic_core import PydanticUndefined

from tf_sphereface.backbones import BACKBONES
from tf_sphereface.errors import InputError
from tf_sphereface.training.assembly import build_backbone, build_classifier
from tf_sphereface.training.backbone_recipes import (
    InceptionFaceRecipe,
    InceptionResNetV1Recipe,
    IResNetRecipe,
    KerasApplicationRecipe,
    MobileFaceNetRecipe,
    SphereFaceCNNRecipe,
    ZFNetFaceRecipe,
)
from tf_sphereface.training.recipe import Recipe, read_recipe

# Arguments other than the defaults, each of them.
OTHERS = {
    "inception_face": {
        "embedding_dim": 8,
        "width": 0.0625,
        "height": 64,
        "columns": 48,
    },
    "inception_resnet_v1": {
        "embedding_dim": 8,
        "width": 0.0625,
        "height": 112,
        "columns": 96,
        "dropout": 0.25,
    },
    "iresnet": {
        "depth": 18,
        "embedding_dim": 8,
        "width": 0.0625,
        "height": 64,
        "columns": 48,
        "dropout": 0.25,
    },
    "keras_application": {
        "application": "MobileNetV2",
        "embedding_dim": 8,
        "height": 64,
        "columns": 48,
        "pooling": "flatten",
        "dropout": 0.25,
        "options": {"alpha": 0.35},
    },
    "mobilefacenet": {"embedding_dim": 8, "width": 0.125, "height": 64, "columns": 48},
    "sphereface_cnn": {
        "depth": 4,
        "embedding_dim": 8,
        "width": 0.125,
        "height": 64,
        "columns": 48,
        "batch_norm": True,
    },
    "zfnet_face": {"embedding_dim": 8, "width": 0.03125, "height": 64, "columns": 48},
}
SECTIONS = {
    "inception_face": InceptionFaceRecipe,
    "inception_resnet_v1": InceptionResNetV1Recipe,
    "iresnet": IResNetRecipe,
    "keras_application": KerasApplicationRecipe,
    "mobilefacenet": MobileFaceNetRecipe,
    "sphereface_cnn": SphereFaceCNNRecipe,
    "zfnet_face": ZFNetFaceRecipe,
}


def test_every_backbone_has_a_section_and_a_test():
    assert set(SECTIONS) == set(OTHERS) == set(BACKBONES)


@pytest.mark.parametrize("name", SECTIONS)
def test_defaults_of_recipes_are_those_of_the_backbones(name):
    parameters = inspect.signature(BACKBONES[name].__init__).parameters
    defaults = {
        key: field.default for key, field in SECTIONS[name].model_fields.items()
    }
    del defaults["name"]
    assert defaults.pop("application", PydanticUndefined) is PydanticUndefined
    theirs = {key: parameters[key].default for key in defaults}
    if "options" in theirs:
        assert theirs["options"] is None
        theirs["options"] = {}
    assert defaults == theirs


@pytest.mark.parametrize("name", SECTIONS)
def test_every_backbone_is_chosen_by_name_with_its_arguments(name, tmp_path):
    path = tmp_path / "recipe.toml"
    recipe = Recipe.model_validate({"backbone": {"name": name, **OTHERS[name]}})
    path.write_text(recipe.to_toml())
    section = read_recipe(path).backbone
    assert type(section) is SECTIONS[name]
    assert section == recipe.backbone
    backbone = build_backbone(section)
    assert type(backbone) is BACKBONES[name]
    config = backbone.get_config()
    assert {key: config[key] for key in OTHERS[name]} == OTHERS[name]
    contract = backbone.pixel_contract
    assert (contract.height, contract.width) == backbone.input_shape[1:3]


def test_a_section_without_a_name_is_the_papers_network():
    recipe = Recipe.model_validate({"backbone": {"depth": 4}})
    assert recipe.backbone == SphereFaceCNNRecipe(depth=4)


@pytest.mark.parametrize(
    ("name", "full", "depth"),
    [("sphereface36", "sphereface_cnn", 36), ("iresnet18", "iresnet", 18)],
)
def test_a_name_may_say_the_depth(name, full, depth):
    recipe = Recipe.model_validate({"backbone": {"name": name}})
    assert recipe.backbone == SECTIONS[full](name=full, depth=depth)


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
        (["backbone.name=vgg"], "`backbone`: Input tag 'vgg'"),
        (["backbone.name=iresnet", "backbone.depth=20"], "`backbone.depth`: Input"),
        (["backbone.name=iresnet20"], "`backbone.depth`: Input"),
        (["backbone.name=iresnet50", "backbone.depth=18"], "`depth` must be 50"),
        (["backbone.name=mobilefacenet", "backbone.depth=4"], "key `backbone.depth`"),
        (
            ["backbone.name=inception_resnet_v1", "backbone.columns=74"],
            "`backbone.columns`: Input should be greater than or equal to 75",
        ),
        (["backbone.name=keras_application"], "`backbone.application`: Field required"),
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
        ({"application": "VGG99"}, r"\[backbone\] VGG99: `application` must be"),
        (
            {"application": "VGG16", "options": {"alpha": 0.5}},
            r"\[backbone\] VGG16: .*alpha",
        ),
    ],
)
def test_what_a_keras_network_does_not_take_is_named(arguments, message):
    recipe = KerasApplicationRecipe(name="keras_application", **arguments)
    with pytest.raises(InputError, match=message):
        build_backbone(recipe)
