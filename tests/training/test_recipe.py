"""Tests for recipe and assembly, of tf_sphereface.training."""

from pathlib import Path

import pytest

from tf_sphereface import heads
from tf_sphereface.errors import InputError
from tf_sphereface.heads import ASoftmaxLayer, SoftmaxLayer
from tf_sphereface.quantization_training.recipe import QuantizationRecipe
from tf_sphereface.training.assembly import build_optimizer
from tf_sphereface.training.recipes.recipe import OptimizerRecipe, Recipe, read_recipe
from tf_sphereface.training.run_folder import _agree

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[head]\nname = "a_softmax"\nmargin = 2\n')
    return path


def test_missing_values_are_the_releases(recipe_file):
    recipe = read_recipe(recipe_file)
    assert recipe.head.margin == 2
    assert (recipe.head.annealing.base, recipe.head.annealing.minimum) == (1000, 5)
    assert (recipe.optimizer.learning_rate, recipe.optimizer.momentum) == (0.1, 0.9)
    assert recipe.optimizer.boundaries == (16_000, 24_000)
    assert (recipe.schedule.steps, recipe.data.batch_size) == (28_000, 512)


def test_overrides_take_toml_values_and_bare_words(recipe_file):
    recipe = read_recipe(
        recipe_file,
        [
            "backbone.depth=4",
            "optimizer.boundaries=[1, 2]",
            "schedule.precision=mixed_bfloat16",
            "head.annealing.base=7",
        ],
    )
    assert recipe.backbone.depth == 4
    assert recipe.optimizer.boundaries == (1, 2)
    assert recipe.schedule.precision == "mixed_bfloat16"
    assert recipe.head.annealing.base == 7.0


def test_a_new_name_starts_the_section_anew(recipe_file):
    recipe = read_recipe(recipe_file, ["head.name=softmax"])
    assert recipe.head.model_dump() == {"name": "softmax"}
    same = read_recipe(recipe_file, ["head.name=a_softmax"])
    assert same.head.margin == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "data.augmentation=wild",
            "`data.augmentation`: .*'none', 'paper' or 'strong'",
        ),
        ("data.sampling=fair", "`data.sampling`: .*'uniform' or 'class_balanced'"),
        ("data.mirror=true", "unknown key `data.mirror`"),
        ("backbone.colour=1", "unknown key `backbone.colour`"),
        ("wheels.count=4", "unknown key `wheels`"),
        ("head.annealing.foo=3", "unknown key `head.annealing.foo`"),
        ("head.margin=0", "`head`: `margin` must be an integer >= 1"),
        ("backbone.depth=5", "`backbone.depth`: Input should be 4, 10, 20, 36 or 64"),
        ("head.name=arc", "`head`: `name` must be one of a_softmax, .*'arc'"),
        (
            "head.margin={margins=[1,0],starts=[0,1]}",
            "`head.margin`: `margins` must be",
        ),
        (
            "head.margin={margins=[1,2],starts=[0]}",
            "`head.margin`: `starts` must have",
        ),
        (
            "head.margin={margins=[1,2],starts=[1,2]}",
            "`head.margin`: `starts` must begin",
        ),
        ("head.annealing.unit=epochs", "`head.annealing.unit`: Input should be"),
        ("head.margin={margins=[1,2]}", "`head.margin.starts`: Field required"),
        ("head.margin=two", "`head.margin`: Input should be a valid integer"),
        ("head.scale=inf", "`head.scale`: Input should be a finite number"),
        ("head.annealing.base=-1", "`head.annealing`: `base` must be >= 0"),
        ("head.name=3", "`head`: `name` must be one of .* Received: name=3"),
        ("head=3", "`head`: must be a table. Received: 3"),
        ("head.gradient=torch", "`head.gradient`: Input should be 'autodiff' or"),
        ("optimizer.boundaries=[3, 2]", "`boundaries` must increase"),
        # What no machine holds, and what no number of TOML is.
        (
            "backbone.embedding_dim=2000000000",
            "`backbone`: `embedding_dim` must be .*at",
        ),
        ("backbone.height=100000", "`backbone`: `height` and `width` must be at most"),
        ("head.margin=2000000000", "`head`: `margin` must be an integer >= 1, at most"),
        ("schedule.steps=9000000000000000000", "`schedule.steps`: .* less than 2147"),
        ("data.batch_size=9000000000000000000", "`data.batch_size`: .* less than 2147"),
        ("optimizer.learning_rate=0x" + "f" * 9000, "is no TOML: .*64 bits"),
        ("data.batch_size=" + "9" * 5000, "is no TOML: .*4300 digits"),
        ("data.batch_size=" + "[" * 5000, "is no TOML: .*recursion"),
        ("nonsense", "--set must be section.key=value"),
        ("backbone.depth.x=1", "'depth' is not a section"),
    ],
)
def test_a_wrong_key_or_value_is_named(recipe_file, override, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        read_recipe(recipe_file, ["backbone.depth=4", override])


def test_missing_and_malformed_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no such recipe"):
        read_recipe(tmp_path / "absent.toml")
    for text in ("[head\n", "a = " + "[" * 5000, "a = " + "9" * 5000, f"a = {1 << 63}"):
        (tmp_path / "bad.toml").write_text(text)
        with pytest.raises(InputError, match="is not TOML"):
            read_recipe(tmp_path / "bad.toml")


def test_a_run_folder_has_the_recipe_without_the_folders_of_a_user(tmp_path):
    recipes = []
    for weights in ("/home/ann/x.keras", "/home/bob/x.keras", "runs/x.keras"):
        text = f"[fine_tuning]\ninitial_weights = '{weights}'\n"
        (tmp_path / "recipe.toml").write_text(text)
        recipes.append(read_recipe(tmp_path / "recipe.toml"))
    ann, bob, moved = recipes
    # Of an earlier version, with the whole path: it goes on, from any other too, if the
    # checksum of the weights is the same.
    (tmp_path / "recipe.toml").write_text(ann.to_toml())
    assert b'"x.keras"' in bob.stated().to_toml().encode()
    for recipe in (bob, moved):
        contents = {"recipe.toml": recipe.stated().to_toml().encode()}
        assert _agree(tmp_path, contents, recipe) is None


def test_resolved_recipe_reads_back_as_itself(recipe_file, tmp_path):
    recipe = read_recipe(recipe_file, ["head.scale=30.0"])
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(recipe.to_toml())
    assert read_recipe(resolved) == recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_are_valid(path):
    kind = QuantizationRecipe if path.stem == "quantization" else Recipe
    assert read_recipe(path, kind=kind).schedule.steps > 0


def test_learning_rate_drops_in_the_iterations_that_the_boundaries_name():
    recipe = OptimizerRecipe(learning_rate=0.1, boundaries=(16, 24))
    schedule = build_optimizer(recipe)._learning_rate
    rates = {step: round(float(schedule(step)), 6) for step in (0, 15, 16, 23, 24, 27)}
    assert rates == {0: 0.1, 15: 0.1, 16: 0.01, 23: 0.01, 24: 0.001, 27: 0.001}


def test_heads_are_built_with_the_recipes_arguments():
    head = Recipe().head.make(10)
    assert isinstance(head, ASoftmaxLayer)
    assert (head.margin, head.annealing.gamma) == (4, 0.12)
    softmax = Recipe.model_validate({"head": {"name": "softmax"}}).head
    assert isinstance(softmax.make(10), SoftmaxLayer)


HEADS = {
    "a_softmax": (heads.ASoftmaxLayer, {"margin": 3, "gradient": "caffe"}),
    "adaface": (
        heads.AdaFaceLayer,
        {"margin": 0.3, "concentration": 0.4, "rate": 0.1, "scale": 9.0},
    ),
    "am_softmax": (
        heads.AMSoftmaxLayer,
        {"margin": 0.3, "scale": 9.0, "sub_centers": 2},
    ),
    "arcface": (
        heads.ArcFaceLayer,
        {"margin": 0.3, "scale": 9.0, "sub_centers": 2, "detach_margin": True},
    ),
    "coco": (heads.COCOLayer, {"scale": 9.0}),
    "curricularface": (
        heads.CurricularFaceLayer,
        {"margin": 0.3, "scale": 9.0, "rate": 0.1},
    ),
    "l_softmax": (heads.LSoftmaxLayer, {"margin": 3}),
    "magface": (
        heads.MagFaceLayer,
        {
            "norms": (1.0, 2.0),
            "margins": (0.1, 0.2),
            "regularizer_weight": 3.0,
            "scale": 9.0,
        },
    ),
    "normalized_softmax": (heads.NormalizedSoftmaxLayer, {"scale": 9.0}),
    "softmax": (heads.SoftmaxLayer, {}),
    "sphereface2": (
        heads.SphereFace2Layer,
        {
            "margin": 0.3,
            "scale": 9.0,
            "balance": 0.6,
            "exponent": 2.0,
            "loss_weight": 5.0,
        },
    ),
    "sphereface_r": (
        heads.SphereFaceRLayer,
        {
            "margin": 1.2,
            "version": 2,
            "scale": 9.0,
            "detach_margin": False,
            "loss_weight": 5.0,
        },
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_chosen_by_name_with_its_arguments(name):
    head_class, arguments = HEADS[name]
    recipe = Recipe.model_validate({"head": {"name": name, **arguments}}).head
    head = recipe.make(10)
    assert type(head) is head_class
    assert {key: getattr(head, key) for key in arguments} == arguments


def test_a_margin_in_stages_and_lambda_in_images_come_from_a_recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[head]\nname = "a_softmax"\n'
        '[head.margin]\nmargins = [1, 2, 4]\nstarts = [0, 10, 30]\nunit = "images"\n'
        '[head.annealing]\ngamma = 0.001\nunit = "images"\n'
    )
    recipe = read_recipe(path)
    head = recipe.head.make(10)
    assert (head.margin.margins, head.margin.starts) == ((1, 2, 4), (0, 10, 30))
    assert (head.margin.unit, head.annealing.unit) == ("images", "images")
    assert (head.annealing.gamma, head.annealing.base) == (0.001, 1000.0)
    (tmp_path / "resolved.toml").write_text(recipe.to_toml())
    assert read_recipe(tmp_path / "resolved.toml") == recipe


def test_a_scale_with_the_release_gradient_is_named(recipe_file):
    with pytest.raises(InputError, match="`head`: `scale` must be None with"):
        read_recipe(recipe_file, ["head.gradient=caffe", "head.scale=30.0"])
