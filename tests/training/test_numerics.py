"""Loss scaling, gradients in parts, averages of weights, activations computed again."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.small_recipe import recipe
from tf_sphereface.backbones import MobileFaceNet, SphereFaceCNN
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import ASoftmaxLayer
from tf_sphereface.loss_scaling import LossScaling
from tf_sphereface.precision import dtype_policy
from tf_sphereface.training.assembly import build_classifier
from tf_sphereface.training.averages import averaged_weights
from tf_sphereface.training.backup import Backup, restore_backup
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.dry_run import dry_run
from tf_sphereface.training.preparation import _check_devices
from tf_sphereface.training.rate_finder import find_learning_rate
from tf_sphereface.training.trainer import train

TINY = {"height": 32, "width": 32}
TWO_STEPS = {"steps": 2, "steps_per_epoch": 2}


def batch(size=8):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(size, 32, 32, 3)).astype("float32")
    return images, np.arange(size, dtype="int32") % 4


def tiny_classifier(**sections):
    made = recipe(backbone=TINY, **sections)
    keras.utils.set_random_seed(0)
    with dtype_policy(made.schedule.precision):
        return build_classifier(made, 4)


@pytest.mark.usefixtures("eagerly")
def test_loss_scaling_leaves_out_a_step_that_overflows():
    classifier = tiny_classifier(schedule={"precision": "mixed_float16"})
    assert classifier.backbone.compute_dtype == "float16"
    optimizer = classifier.optimizer
    optimizer.build(classifier.trainable_variables)
    kernel = classifier.backbone.get_layer("conv1_1").kernel
    before = kernel.numpy()
    optimizer.dynamic_scale.assign(2.0**120)  # float16 ends at 65504
    loss, _ = classifier.train_on_batch(*batch())
    assert np.isfinite(loss)
    np.testing.assert_array_equal(kernel, before)
    assert float(optimizer.dynamic_scale) == 2.0**119
    assert int(optimizer.iterations) == 0
    optimizer.dynamic_scale.assign(1024.0)
    classifier.train_on_batch(*batch())
    assert int(optimizer.iterations) == 1
    assert np.isfinite(kernel).all() and not np.array_equal(kernel, before)


def test_the_scale_of_the_loss_goes_on_from_a_backup(tmp_path):
    """Also where it is read again, as with `optimizer.ema` within an epoch."""
    classifiers = [
        tiny_classifier(schedule={"precision": "mixed_float16"}) for _ in range(2)
    ]
    saved, read = (classifier.optimizer for classifier in classifiers)
    saved.build(classifiers[0].trainable_variables)
    saved.dynamic_scale.assign(512.0)
    saved.step_counter.assign(7)
    backup = Backup(tmp_path / "state.weights.h5", steps_per_epoch=4)
    backup.set_model(classifiers[0])
    backup.on_epoch_end(0)
    for _ in range(2):
        restore_backup(classifiers[1], tmp_path / "state.weights.h5")
        assert (float(read.dynamic_scale), int(read.step_counter)) == (512.0, 7)
        assert len(read.variables) == len(saved.variables)


@pytest.mark.parametrize("device", [0, 1])
def test_a_step_that_overflows_on_one_device_is_left_out_on_all(device):
    made = recipe(backbone=TINY, schedule={"precision": "mixed_float16"})
    strategy = training_strategy(2)
    with strategy.scope(), dtype_policy("mixed_float16"):
        classifier = build_classifier(made, 4)
        optimizer = classifier.optimizer
        optimizer.build(classifier.trainable_variables)
    kernel = classifier.backbone.get_layer("conv1_1").kernel
    before = kernel.numpy()
    sample_weight = np.full(8, 1e-6, "float32")  # 20 bits less
    sample_weight[4 * device : 4 * device + 4] = 1.0

    def step(scale):
        optimizer.dynamic_scale.assign(scale)
        parts = (*batch(), sample_weight)
        data = tf.data.Dataset.from_tensor_slices(parts)
        data = data.batch(8, drop_remainder=True)
        return classifier.fit(data, shuffle=False, verbose=0).history["loss"]

    assert np.isfinite(step(2.0**24))
    np.testing.assert_array_equal(kernel.numpy(), before)
    assert float(optimizer.dynamic_scale.numpy()) == 2.0**23
    assert np.isfinite(step(1024.0))
    for part in kernel.value.values:
        assert np.isfinite(part.numpy()).all()
        assert not np.array_equal(part.numpy(), before)


@pytest.mark.usefixtures("eagerly")
def test_a_step_in_parts_is_the_step_of_the_whole_batch(records, tmp_path):
    runs = []
    for parts in (1, 4):
        optimizer = {"accumulation": parts, "boundaries": [1], "gradient_norm": 0.05}
        summary = train(
            recipe(
                data={"augmentation": "none"}, optimizer=optimizer, schedule=TWO_STEPS
            ),
            records,
            tmp_path / str(parts),
        )
        (row,) = read_history(tmp_path / str(parts) / "history.csv")
        runs.append((keras.models.load_model(summary.last).get_weights(), row))
    (whole, row), (parts, same) = runs
    fresh = build_classifier(recipe(), 4).get_weights()
    moved = 0
    for ours, theirs, first in zip(whole, parts, fresh, strict=True):
        if ours.ndim:  # not the counter of calls
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
            moved = max(moved, np.abs(ours - first).max())
    assert moved > 1e-4
    for name in ("lambda", "learning_rate", "accuracy"):
        assert row[name] == same[name]
    assert float(row["lambda"]) == pytest.approx(20 / 1.4)
    assert float(row["loss"]) == pytest.approx(float(same["loss"]), rel=1e-5)


def test_the_first_call_of_an_iteration_is_of_it():
    head = ASoftmaxLayer(3, calls_per_iteration=3)
    head.build((None, 4))
    found = []
    for calls in range(7):
        head.iteration.assign(calls)
        found.append(int(head.progress(head.annealing)))
    assert found == [0, 1, 1, 1, 2, 2, 2]
    assert ASoftmaxLayer.from_config(head.get_config()).calls_per_iteration == 3


@pytest.mark.usefixtures("eagerly")
def test_averages_are_those_of_the_formula_and_leave_the_weights():
    classifier = tiny_classifier(optimizer={"ema": 0.8})
    kernel = classifier.backbone.get_layer("fc5").kernel
    expected = None
    for _ in range(4):
        classifier.train_on_batch(*batch())
        weights = kernel.numpy().astype(np.float64)
        expected = weights if expected is None else 0.8 * expected + 0.2 * weights
    with averaged_weights(classifier):
        np.testing.assert_allclose(kernel, expected, atol=1e-7)
    np.testing.assert_array_equal(kernel.numpy(), weights.astype(np.float32))
    assert np.abs(expected - weights).max() > 1e-5


@pytest.mark.usefixtures("eagerly")
def test_averages_are_verified_and_written(records, tmp_path):
    seen = []

    def validate(backbone):
        seen.append(backbone.get_layer("fc5").kernel.numpy())
        return {"verification_accuracy": 0.5}

    averaging = recipe(optimizer={"ema": 0.5}, schedule=TWO_STEPS)
    summary = train(averaging, records, tmp_path / "run", validate=validate)
    for path in (summary.best, summary.last):
        backbone = keras.models.load_model(path).backbone
        np.testing.assert_array_equal(backbone.get_layer("fc5").kernel, seen[0])
    classifier = build_classifier(averaging, 4)
    restore_backup(classifier, tmp_path / "run" / "backup" / "state.weights.h5")
    weights = classifier.backbone.get_layer("fc5").kernel.numpy()
    assert not np.array_equal(weights, seen[0])


def gradients(classifier):
    images, labels = batch()

    @tf.function
    def compute():
        with tf.GradientTape() as tape:
            outputs = classifier(images, training=True)
            loss = classifier.compute_loss(images, labels, outputs)
        return tape.gradient(loss, [v.value for v in classifier.trainable_variables])

    graph = compute.get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    return compute(), kinds.count("Conv2D")


def test_activations_computed_again_give_the_same_gradients():
    keras.utils.set_random_seed(0)
    backbone = SphereFaceCNN(10, 8, width_multiplier=1 / 16, **TINY)
    classifier = FaceClassifier(backbone, ASoftmaxLayer(4, annealing=None))
    plain, convolutions = gradients(classifier)
    weights = len(classifier.weights)
    classifier.recompute_activations()
    again, more = gradients(classifier)
    for ours, theirs in zip(again, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    # All but those after the last sum, which the gradient needs at once.
    assert more == 2 * convolutions - 1
    assert len(classifier.weights) == weights
    classifier.backbone.trainable = False  # no gradient of theirs, none computed again
    assert len(classifier.trainable_weights) == 1


def test_networks_with_states_are_not_computed_twice():
    made = recipe(backbone={**TINY, "batch_norm": True}, schedule={"recompute": True})
    with pytest.raises(InputError, match="schedule.recompute: .* batch norm or drop"):
        build_classifier(made, 4)
    mobile = MobileFaceNet(8, width_multiplier=0.125, **TINY)
    with pytest.raises(ValueError, match="cannot be computed twice"):
        FaceClassifier(mobile, ASoftmaxLayer(4)).recompute_activations()


@pytest.mark.parametrize("choice", [None, True, False])
def test_the_recipe_decides_on_xla(choice):
    made = tiny_classifier(schedule={} if choice is None else {"jit_compile": choice})
    expected = FaceClassifier(made.backbone, ASoftmaxLayer(4))
    expected.compile("sgd")
    assert made.jit_compile == (expected.jit_compile if choice is None else choice)


def test_parts_go_on_one_device_only():
    parts = recipe(optimizer={"accumulation": 2})
    with pytest.raises(InputError, match="accumulation needs --devices 1"):
        _check_devices(parts, 2)
    _check_devices(parts, 1)


def test_parts_must_be_equal():
    for data, parts in (
        ({"batch_size": 8}, 3),
        (
            {"batch_size": 8, "images_per_identity": 4},
            4,
        ),
    ):
        with pytest.raises(ValueError, match="multiple of `optimizer.accumulation`"):
            recipe(data=data, optimizer={"accumulation": parts})


@pytest.mark.usefixtures("eagerly")
def test_a_dry_run_counts_and_measures(records, monkeypatch):
    monkeypatch.setattr("tf_sphereface.training.dry_run._MEASURED", 2)
    (stage,) = dry_run(recipe(), records)
    classifier = build_classifier(recipe(), 4)
    backbone = classifier.backbone.count_params()
    assert stage["parameters"]["backbone"] == backbone
    assert stage["parameters"]["head_and_losses"] == 16 * 4 + 1  # and the counter
    assert (stage["people"], stage["photos"], stage["steps"]) == (4, 24, 12)
    assert stage["epochs"] == 4.0
    assert stage["memory_mb"]["weights"] == round(4 * (backbone + 65) / 2**20, 1)
    seconds = stage["step_seconds"]
    assert stage["images_per_second"] == pytest.approx(8 / seconds, rel=1e-3)
    assert stage["expected_hours"] == pytest.approx(12 * seconds / 3600, rel=0.01)


@pytest.mark.usefixtures("eagerly")
def test_the_rate_is_found_below_the_one_that_loses_the_loss(records):
    easy = recipe(optimizer={"gradient_norm": None})
    found = find_learning_rate(easy, records, lowest=1e-4, highest=1e4, steps=25)
    assert found["learning_rate"] <= found["lowest_loss_at"] < found["rates"][-1] < 1e4
    assert len(found["rates"]) == len(found["losses"]) < 25
    assert found["rates"][1] / found["rates"][0] == pytest.approx(10 ** (8 / 24), 1e-2)


@pytest.mark.usefixtures("eagerly")
def test_a_step_that_is_left_out_does_not_move_the_rate_of_the_search(
    records, monkeypatch
):
    scaling = functools.partial(LossScaling, initial_scale=2.0**24)
    monkeypatch.setattr("tf_sphereface.face_classifier.LossScaling", scaling)
    half = recipe(schedule={"precision": "mixed_float16"})
    found = find_learning_rate(half, records, lowest=0.001, highest=1.0, steps=13)
    rates = sorted(set(found["rates"]))
    assert found["rates"] == sorted(found["rates"]) and 2 < len(rates) < 13
    growing = 10 ** (np.arange(len(rates)) / 4 - 3)
    np.testing.assert_allclose(rates, growing, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("trial", [find_learning_rate, dry_run, train])
def test_too_little_memory_is_said_with_what_helps(
    records, tmp_path, monkeypatch, trial
):
    def exhausted(self, *arguments):
        message = "OOM when allocating tensor with shape[512,64,112,96]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(FaceClassifier, "train_step", exhausted)
    arguments = [tmp_path / "run"] if trial is train else []
    with pytest.raises(InputError, match="too small for steps of 8 images: lower data"):
        trial(recipe(), records, *arguments)


@pytest.mark.usefixtures("eagerly")
def test_a_search_without_a_loss_is_an_error(records, monkeypatch):
    losses = FaceClassifier.head_losses
    monkeypatch.setattr(
        FaceClassifier, "head_losses", lambda *arguments: losses(*arguments) * np.nan
    )
    with pytest.raises(FloatingPointError, match="first step, at the rate 1e-05, is"):
        find_learning_rate(recipe(), records)
