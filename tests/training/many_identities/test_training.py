"""Recipes with [many_identities]: trained, resumed, refused."""

import json

import keras
import numpy as np
import pytest

from tests.training.conftest import write_people
from tests.training.small_recipe import SMALL
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.training.backup import restore_backup
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.dry_run import dry_run
from tf_sphereface.training.preparation import prepared_training
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe
from tf_sphereface.training.trainer import train

TREE = {
    **SMALL,
    "head": {"name": "arcface", "scale": 16.0, "sub_centers": 2},
    "many_identities": {"sampling_rate": 0.5},
    "schedule": {"steps": 3, "steps_per_epoch": 1, "deterministic": True},
    "data": {"batch_size": 2},
}


@pytest.fixture(scope="module")
def many_people(tmp_path_factory):
    """Records of twelve people: each of two devices takes three of its six."""
    return write_people(tmp_path_factory.mktemp("many"), 12, 2)


def recipe(**sections):
    return Recipe.model_validate({**TREE, **sections})


def interrupt(backbone):
    interrupt.epochs += 1
    if interrupt.epochs == 2:
        raise KeyboardInterrupt
    return {"verification_accuracy": 0.5}


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_resumed_training_on_two_devices_ends_with_the_same_bits(
    many_people, tmp_path
):
    def validate(backbone):
        return {"verification_accuracy": 0.5}

    whole = train(recipe(), many_people, tmp_path / "a", devices=2, validate=validate)
    interrupt.epochs = 0
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), many_people, tmp_path / "b", devices=2, validate=interrupt)
    resumed = train(recipe(), many_people, tmp_path / "b", devices=2, validate=validate)
    assert (resumed.resumed_at, resumed.steps) == (1, 3)
    one, other = (keras.models.load_model(run.last) for run in (whole, resumed))
    assert type(one) is FaceClassifier and one.head.kernel.shape == (16, 24)
    assert int(one.head.iteration) == 3
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # One device goes on where two were.
    with prepared_training(recipe(), many_people, training_strategy(1)) as prepared:
        assert restore_backup(
            prepared.classifier, tmp_path / "b/backup/state.weights.h5"
        )
        kernel = prepared.classifier.shares.kernel
    np.testing.assert_array_equal(kernel, one.head.kernel)


@pytest.mark.slow
def test_bfloat16_and_metric_losses_go_along(many_people, tmp_path):
    schedule = {"steps": 2, "steps_per_epoch": 2, "precision": "mixed_bfloat16"}
    mixed = recipe(schedule=schedule, metric_losses=[{"name": "center"}])
    summary = train(mixed, many_people, tmp_path / "run", devices=2)
    assert {"loss_head", "loss_center", "accuracy", "nearest_angle"} <= set(
        summary.logs
    )
    assert np.isfinite(list(summary.logs.values())).all()


@pytest.mark.slow
def test_a_frozen_network_learns_class_weights_from_class_means(many_people, tmp_path):
    first = train(recipe(), many_people, tmp_path / "first")
    tree = recipe().model_dump(exclude_none=True)
    del tree["backbone"]
    tree["fine_tuning"] = {"initial_weights": first.last, "frozen_stages": 5}
    second = train(Recipe.model_validate(tree), many_people, tmp_path / "run")
    one, other = (keras.models.load_model(path) for path in (first.last, second.last))
    assert other.backbone.trainable_variables == []
    for ours, theirs in zip(
        one.backbone.get_weights(), other.backbone.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    lengths = np.linalg.norm(other.head.kernel, axis=0)
    assert np.abs(lengths - 1).max() < 0.1  # of the means
    assert (lengths != 1).any()  # and moved


@pytest.mark.slow
def test_a_weight_that_is_no_number_keeps_the_backup(records, tmp_path):
    tree = {"optimizer": {"learning_rate": 1e30, "boundaries": []}}
    with pytest.raises(FloatingPointError, match="no longer finite"):
        train(recipe(**tree), records, tmp_path / "run")


@pytest.mark.slow
def test_a_dry_run_counts_the_shares(records):
    (stage,) = dry_run(recipe(head={"name": "coco"}), records, 2)
    assert stage["parameters"]["head_and_losses"] == 4 * 16 + 1  # and the iteration
    plain = dry_run(recipe(head={"name": "coco"}, many_identities=None), records, 1)
    assert stage["parameters"] == plain[0]["parameters"]


def test_the_section_is_written_where_it_was_read_only(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[head]\nname = "arcface"\n')
    assert "many_identities" not in read_recipe(path).to_toml()
    read = read_recipe(path, ["many_identities.sampling_rate=0.1"])
    path.write_text(read.to_toml())
    assert read_recipe(path).many_identities.sampling_rate == 0.1
    assert read_recipe(path, ["many_identities={}"]).many_identities.sampling_rate == 1


def test_guessing_is_among_the_classes_of_a_step():
    """So that the warning of a loss that stays at guessing knows it."""
    sampled = recipe(many_identities={"sampling_rate": 0.1})
    assert sampled.classes_of_a_step(1_005) == 101
    assert recipe(many_identities=None).classes_of_a_step(1_005) == 1_005


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"head": {"name": "softmax"}}, 'class weights of .* name = "softmax"'),
        ({"head": {"name": "sphereface2"}}, "cannot divide the class weights"),
        ({"head": {"name": "a_softmax", "gradient": "caffe"}}, "cannot divide"),
        ({"optimizer": {"accumulation": 2}}, "goes without optimizer.accumulation = 2"),
        ({"optimizer": {"ema": 0.9}}, "goes without optimizer.ema = 0.9"),
        ({"schedule": {"jit_compile": True}}, "goes without schedule.jit_compile"),
        ({"schedule": {"precision": "mixed_float16"}}, 'without .* "mixed_float16"'),
        ({"many_identities": {"sampling_rate": 0.0}}, "greater than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(sections, message, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe().to_toml())
    overrides = [
        f"{section}.{key}={json.dumps(value)}"
        for section, table in sections.items()
        for key, value in table.items()
    ]
    with pytest.raises(InputError, match=message):
        read_recipe(path, overrides)
