"""Tests of [[metric_losses]] in recipes, and of trainings with them."""

import cv2
import keras
import numpy as np
import pytest

from tf_sphereface import losses
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe
from tf_sphereface.training.trainer import train

LOSSES = {
    "angular_triplet": (
        losses.AngularTripletLoss,
        {"margin": 0.3, "form": "cosine", "weight": 2.0},
    ),
    "center": (losses.CenterLoss, {"alpha": 0.3, "weight": 2.0}),
    "contrastive": (
        losses.ContrastiveLoss,
        {"margin": 0.3, "normalize": True, "weight": 2.0},
    ),
    "triplet_hard": (
        losses.TripletHardLoss,
        {
            "margin": 0.3,
            "soft": True,
            "squared": True,
            "normalize": False,
            "weight": 2.0,
        },
    ),
    "triplet_semihard": (
        losses.TripletSemiHardLoss,
        {"margin": 0.3, "squared": False, "normalize": False, "weight": 2.0},
    ),
}
SMALL = {
    "backbone": {"depth": 4, "width_multiplier": 0.0625, "embedding_dim": 16},
    "head": {"name": "softmax"},
    "data": {"batch_size": 8, "images_per_identity": 2},
    "optimizer": {"learning_rate": 0.01, "boundaries": [], "gradient_norm": 1.0},
    "schedule": {"steps": 6, "steps_per_epoch": 2, "seed": 3},
    "metric_losses": [{"name": "center"}, {"name": "triplet_semihard"}],
}


def metric_loss(name, **arguments):
    tree = {"metric_losses": [{"name": name, **arguments}]}
    return Recipe.model_validate(tree).metric_losses[0].make(10)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_chosen_by_name_with_its_arguments(name):
    loss_class, arguments = LOSSES[name]
    loss = metric_loss(name, **arguments)
    assert type(loss) is loss_class
    assert {key: getattr(loss, key) for key in arguments} == arguments
    assert loss.name == name
    assert getattr(loss, "num_classes", 10) == 10


def test_every_loss_is_tested_here():
    assert set(LOSSES) == set(losses.METRIC_LOSSES)


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[head]\nname = "none"\n'
        '[[metric_losses]]\nname = "triplet_semihard"\nmargin = 0.3\n'
        '[[metric_losses]]\nname = "center"\n'
        "[data]\nbatch_size = 12\nimages_per_identity = 4\n"
    )
    return path


def test_a_resolved_recipe_reads_back_as_itself(recipe_file, tmp_path):
    recipe = read_recipe(recipe_file)
    assert [loss.name for loss in recipe.metric_losses] == [
        "triplet_semihard",
        "center",
    ]
    assert recipe.metric_losses[0].margin == 0.3
    (tmp_path / "resolved.toml").write_text(recipe.to_toml())
    assert read_recipe(tmp_path / "resolved.toml") == recipe


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("metric_losses=[]", "`metric_losses` must not be empty with .head. name"),
        ("metric_losses=[{name='center'},{name='center'}]", "must be different ones"),
        ("metric_losses=[{name='center',alpha=2}]", "`metric_losses.0`: `alpha` must"),
        (
            "metric_losses=[{name='center',rate=2}]",
            "unknown key `metric_losses.0.rate`",
        ),
        ("metric_losses=[{name='hinge'}]", "`metric_losses.0`: `name` must be one of"),
        (
            "metric_losses=[{name='angular_triplet',form='cosine',margin=3.0}]",
            "`margin` must be below 2",
        ),
        ("data.sampling=class_balanced", "`images_per_identity` decides the sampling"),
        ("data.images_per_identity=5", "`batch_size` must be a multiple of"),
        ("data.images_per_identity=1", "`data.images_per_identity`: Input"),
    ],
)
def test_a_wrong_key_or_value_is_named(recipe_file, override, message):
    with pytest.raises(InputError, match=message):
        read_recipe(recipe_file, [override])


def test_no_head_means_no_accuracy(recipe_file):
    small = ["backbone.depth=4", "backbone.width_multiplier=0.0625"]
    classifier = build_classifier(read_recipe(recipe_file, small), 5)
    assert classifier.head is None
    assert [loss.name for loss in classifier.metric_losses] == [
        "triplet_semihard",
        "center",
    ]
    assert "accuracy" not in [metric.name for metric in classifier.metrics]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for identity in range(5):
        person = folder / "aligned" / f"p{identity}"
        person.mkdir(parents=True)
        for number in range(4):
            crop = rng.integers(0, 256, (112, 96, 3), np.uint8)
            cv2.imwrite(
                str(folder / "aligned" / f"p{identity}" / f"{number}.png"), crop
            )
    write_records(folder / "aligned", folder / "records", shards=2)
    return folder / "records"


@pytest.mark.usefixtures("eagerly")
def test_an_interrupted_run_goes_on_with_its_centres(records, tmp_path):
    schedule = {**SMALL["schedule"], "steps": 3, "steps_per_epoch": 1}
    recipe = Recipe.model_validate({**SMALL, "schedule": schedule})
    run = tmp_path / "run"
    kept = []

    def interrupt(backbone):
        kept.append(backbone)
        if len(kept) == 3:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5}

    with pytest.raises(KeyboardInterrupt):
        train(recipe, records, run, validate=interrupt)
    best = keras.models.load_model(run / "best.keras")
    centers = best.metric_losses[0].centers.numpy()
    assert np.abs(centers).max() > 0
    resumed = train(
        recipe, records, run, validate=lambda _: {"verification_accuracy": 0.1}
    )
    assert (resumed.resumed_at, resumed.steps) == (2, 3)
    last = keras.models.load_model(resumed.last).metric_losses[0].centers.numpy()
    # Two steps of alpha / (1 + 2) do not take a centre far from where it was.
    assert 0 < np.abs(last - centers).max() < 1.0 * np.abs(centers).max() + 1.0
    rows = read_history(run / "history.csv")
    assert {"loss_head", "loss_center", "loss_triplet_semihard"} <= set(rows[-1])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_without_a_head_the_lowest_loss_is_the_best(records, tmp_path):
    tree = {**SMALL, "head": {"name": "none"}}
    summary = train(Recipe.model_validate(tree), records, tmp_path / "run", devices=2)
    rows = read_history(tmp_path / "run" / "history.csv")
    assert "accuracy" not in rows[0]
    best = keras.models.load_model(summary.best)
    lowest = min(range(3), key=lambda epoch: float(rows[epoch]["loss"]))
    assert int(best.optimizer.iterations) == 2 * (lowest + 1)


def test_batches_that_cannot_be_made_are_refused_before_the_run(records, tmp_path):
    tree = {**SMALL, "data": {"batch_size": 12, "images_per_identity": 2}}
    with pytest.raises(InputError, match="batches of 6 identities .* has 5"):
        train(Recipe.model_validate(tree), records, tmp_path / "run")
    tree["data"] = {"batch_size": 6, "images_per_identity": 2}
    with pytest.raises(InputError, match="multiple of images_per_identity 2 times"):
        train(Recipe.model_validate(tree), records, tmp_path / "run", devices=2)
    assert not (tmp_path / "run").exists()
