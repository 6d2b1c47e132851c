"""Tests for tf_sphereface.training.fine_tuning: real records, files and trainings."""

import cv2
import keras
import numpy as np
import pytest

from tests.training.conftest import write_people
from tf_sphereface import progress
from tf_sphereface.backbones import build_backbone, stages
from tf_sphereface.errors import InputError
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.fine_tuning import class_means, initial_backbone
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe
from tf_sphereface.training.trainer import train

pytestmark = pytest.mark.usefixtures("eagerly")

PEOPLE, CROPS = 5, 13  # 65 crops: more than one batch of means, the last not full


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("faces"), PEOPLE, CROPS)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file of a network as an import leaves it: BGR, and with a provenance."""
    keras.utils.set_random_seed(4)
    backbone = build_backbone(
        "sphereface_cnn",
        depth=4,
        width_multiplier=0.0625,
        batch_norm=True,
        embedding_dim=16,
        channel_order="BGR",
        provenance={"licence": "their licence"},
    )
    path = tmp_path_factory.mktemp("model") / "imported.keras"
    backbone.save(path)
    return path


def recipe(model, steps=2, **fine_tuning):
    return Recipe.model_validate(
        {
            "fine_tuning": {"initial_weights": str(model), **fine_tuning},
            "head": {"name": "am_softmax"},
            "data": {"batch_size": 8},
            "optimizer": {"learning_rate": 0.01, "boundaries": []},
            "schedule": {"steps": steps, "steps_per_epoch": 1},
        }
    )


def weights_of(layers):
    return [np.copy(weight) for layer in layers for weight in layer.get_weights()]


def assert_same(first, second):
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def means(model, records):
    """The class means from the crops themselves, one by one, in float64."""
    backbone, means = initial_backbone(model), []
    for folder in sorted((records.parent / "aligned").iterdir()):
        directions = []
        for path in sorted(folder.iterdir()):
            pixels = cv2.imread(str(path)).astype(np.float32)  # BGR, as this network
            embedding = np.asarray(backbone((pixels[None] - 127.5) / 128)[0], float)
            directions.append(embedding / np.sqrt(embedding @ embedding))
        mean = np.sum(directions, axis=0)
        means.append(mean / np.sqrt(mean @ mean))
    return np.array(means)


def test_frozen_stages_stay_and_the_others_learn_and_are_the_optimizers(
    records, model, tmp_path
):
    before = stages(initial_backbone(model))
    summary = train(recipe(model, frozen_stages=3), records, tmp_path / "run")
    loaded = keras.models.load_model(summary.last)
    trained = loaded.backbone
    for number, (first, second) in enumerate(zip(before, stages(trained), strict=True)):
        if number < 3:  # the moving statistics of batch norm too
            assert_same(weights_of(first), weights_of(second))
        else:
            pairs = zip(weights_of(first), weights_of(second), strict=True)
            assert all(np.any(one != other) for one, other in pairs)
    assert trained.frozen_stages == 3
    assert trained.pixel_contract.channel_order == "BGR"
    assert trained.provenance == {"licence": "their licence"}
    # Keras warns, which is an error here, where the optimizer's state does not fit.
    assert int(loaded.optimizer.iterations) == 2
    slots = len(loaded.optimizer.variables) - 2  # but the step and the rate
    assert slots == len(loaded.trainable_variables)


def test_head_begins_as_the_mean_of_each_class(records, model, means):
    found = class_means(initial_backbone(model), records)
    assert found.shape == (PEOPLE, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found, means, atol=2e-5)


def test_long_means_say_how_far_they_are(records, model, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_INTERVAL", 0.0)
    class_means(initial_backbone(model), records)
    assert capsys.readouterr().err.startswith("class means: 64 of 65, ")


@pytest.mark.slow
@pytest.mark.parametrize("head", ["class_means", "fresh"])
def test_first_loss_shows_how_the_head_began(records, model, means, tmp_path, head):
    rates = {"learning_rate": 1e-12, "weight_decay": 0.0, "boundaries": []}
    tree = recipe(model, 1, head=head).model_dump(exclude_none=True)
    train(
        Recipe.model_validate({**tree, "optimizer": rates}), records, tmp_path / "run"
    )
    kernel = keras.models.load_model(tmp_path / "run" / "last.keras").head.kernel
    close = np.abs(np.asarray(kernel).T - means).max() < 1e-4
    assert close == (head == "class_means")


@pytest.mark.slow
def test_resumed_run_keeps_what_it_learnt(records, model, tmp_path):
    # Batches of all crops: the order, which differs, does not matter.
    tree = recipe(model, 2, frozen_stages=2).model_dump(exclude_none=True)
    tree["data"] = {"batch_size": PEOPLE * CROPS, "augmentation": "none"}
    whole = Recipe.model_validate(tree)
    calls = []

    def stop_in_the_second(backbone):
        calls.append(backbone)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"verification_accuracy": 0.5}

    with pytest.raises(KeyboardInterrupt):
        train(whole, records, tmp_path / "run", validate=stop_in_the_second)
    resumed = train(whole, records, tmp_path / "run")
    assert (resumed.resumed_at, resumed.steps) == (1, 2)
    at_once = train(whole, records, tmp_path / "at once")
    for one, other in zip(
        keras.models.load_model(resumed.last).get_weights(),
        keras.models.load_model(at_once.last).get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_initial_weights_that_changed_are_refused(records, model, tmp_path):
    copy = tmp_path / "earlier run" / "last.keras"
    copy.parent.mkdir()
    copy.write_bytes(model.read_bytes())
    train(recipe(copy.parent, 1), records, tmp_path / "run")
    backbone = keras.models.load_model(copy)
    backbone.layers[1].set_weights([w + 1 for w in backbone.layers[1].get_weights()])
    backbone.save(copy)
    with pytest.raises(InputError, match="a training of other initial weights"):
        train(recipe(copy.parent, 1), records, tmp_path / "run")


@pytest.mark.slow
def test_network_takes_the_precision_of_the_recipe(records, model, tmp_path):
    tree = recipe(model, 1).model_dump(exclude_none=True)
    tree["schedule"]["precision"] = "mixed_bfloat16"
    summary = train(Recipe.model_validate(tree), records, tmp_path / "run")
    trained = keras.models.load_model(summary.last)
    assert trained.backbone.get_layer("conv1_1").compute_dtype == "bfloat16"
    # And back: a file of mixed precision is trained on in float32.
    again = build_classifier(recipe(summary.last, 1), PEOPLE)
    assert again.backbone.get_layer("conv1_1").compute_dtype == "float32"


def test_network_that_was_saved_as_not_trainable_learns(tmp_path):
    backbone = build_backbone("sphereface_cnn", depth=4, width_multiplier=0.0625)
    backbone.trainable = False
    backbone.save(tmp_path / "model.keras")
    loaded = initial_backbone(tmp_path / "model.keras", frozen_stages=4)
    assert [v.path for v in loaded.trainable_variables] == ["fc5/kernel", "fc5/bias"]


def test_training_in_which_nothing_learns_is_refused(model):
    tree = recipe(model, frozen_stages=5).model_dump(exclude_none=True)
    tree |= {"head": {"name": "none"}, "metric_losses": [{"name": "center"}]}
    with pytest.raises(InputError, match="nothing is left to learn"):
        build_classifier(Recipe.model_validate(tree), PEOPLE)


def test_initial_weights_that_are_not_finite_are_refused(records, model):
    backbone = initial_backbone(model)
    kernel = backbone.get_layer("fc5").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(InputError, match="embeddings that are not finite, in float32"):
        class_means(backbone, records)


def test_model_that_is_not_ours_is_refused(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]).save(path)
    with pytest.raises(InputError, match=r"import-weights"):
        initial_backbone(path)
    with pytest.raises(InputError, match="no such model"):
        initial_backbone(tmp_path / "missing.keras")


def test_too_many_frozen_stages_are_refused(model):
    with pytest.raises(
        InputError, match=r"\[fine_tuning\] .* an integer between 0 and 5"
    ):
        initial_backbone(model, frozen_stages=6)


def test_crops_of_another_size_are_refused(records, tmp_path):
    path = tmp_path / "square.keras"
    build_backbone("sphereface_cnn", depth=4, width_multiplier=0.0625, width=112).save(
        path
    )
    with pytest.raises(InputError, match="takes crops of 112 x 112") as caught:
        train(recipe(path), records, tmp_path / "run")
    assert "--size 112x112" in str(caught.value)
    assert "backbone." not in str(caught.value)  # a section that is refused here
    assert not (tmp_path / "run").exists()


def test_recipe_names_the_network_once(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[fine_tuning]\ninitial_weights = "a.keras"\n')
    read = read_recipe(path)
    assert read.backbone is None
    path.write_text(read.to_toml())
    assert read_recipe(path) == read
    with pytest.raises(InputError, match=r"leave \[backbone\] out"):
        read_recipe(path, ["backbone.depth=4"])
    path.write_text("[fine_tuning]\nfrozen_stages = 1\n")
    with pytest.raises(InputError, match=r"`fine_tuning.initial_weights`"):
        read_recipe(path)
