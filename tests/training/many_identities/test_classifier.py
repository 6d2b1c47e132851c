"""Tests for tf_sphereface.training.many_identities.classifier."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.heads.every_head import ARGUMENTS
from tests.small_classifier import faces, small_backbone
from tests.training.many_identities.test_losses import REFUSED
from tests.training.many_identities.trained import classifier_of, difference
from tf_sphereface import FaceClassifier, heads
from tf_sphereface.precision import dtype_policy
from tf_sphereface.training.angles import class_angles
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.many_identities import class_shares
from tf_sphereface.training.many_identities.classifier import ManyIdentitiesClassifier

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_steps_on_two_devices_are_those_of_a_plain_classifier(bound):
    """Momentum, weight decay and a bound on the gradient's norm included."""
    options = {"global_clipnorm": bound or None}
    plain = classifier_of("ArcFaceLayer", training_strategy(1), 7, **options)
    many = classifier_of("ArcFaceLayer", training_strategy(2), 7, 1.0, **options)
    assert difference(many, plain, 7) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.0, 0.9999])  # with 0.9999 all rows are gathered
def test_every_head_is_exact_on_four_devices_with_a_quarter_of_the_memory(rate):
    names = sorted(set(ARGUMENTS) - REFUSED)
    program = [sys.executable, "-m", "tests.training.many_identities.four_devices"]
    done = subprocess.run(
        [*program, str(rate), *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert list(found) == names
    for name, figures in found.items():
        assert figures["difference"] < 1e-5, name
        assert figures["devices"] == ["0", "1", "2", "3"]
        assert [4 * share for share in figures["bytes"]] == 4 * [figures["plain_bytes"]]


def test_a_saved_file_is_a_plain_classifier_with_the_whole_kernel(tmp_path):
    many = classifier_of("CurricularFaceLayer", training_strategy(2), 7, 1.0)
    kernel = np.random.default_rng(3).normal(size=(6, 7)).astype("float32")
    many.shares.set_kernel(kernel)
    many.head.hardness.assign(0.25)
    many.head.iteration.assign(2)
    many.save(tmp_path / "many.keras")
    loaded = keras.models.load_model(tmp_path / "many.keras")
    assert type(loaded) is FaceClassifier
    assert type(loaded.head) is heads.CurricularFaceLayer
    np.testing.assert_array_equal(loaded.head.kernel, kernel)
    assert (float(loaded.head.hardness), int(loaded.head.iteration)) == (0.25, 2)
    images = faces(5)[0]
    np.testing.assert_array_equal(
        loaded(images)["logits"], many.plain()(images)["logits"]
    )
    assert many.predict(images, verbose=0).shape == (5, 6)


def test_class_means_begin_as_in_a_plain_head():
    means = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    plain = classifier_of("AMSoftmaxLayer", training_strategy(1), 7)
    many = classifier_of("AMSoftmaxLayer", training_strategy(2), 7, 1.0)
    for classifier in (plain, many):
        classifier.start_from(means)
    np.testing.assert_allclose(many.shares.kernel, plain.head.kernel, rtol=1e-6)


def test_angles_are_those_of_the_plain_classifier(monkeypatch):
    monkeypatch.setattr(class_shares, "_BLOCK", 2)
    many = classifier_of("ArcFaceLayer", training_strategy(2), 7, 0.5)
    images, labels = faces(12, 7)
    angles = class_angles(many, images, labels)
    expected = class_angles(many.plain(), images, labels)
    np.testing.assert_allclose(angles.target, expected.target, rtol=1e-5)
    np.testing.assert_allclose(angles.nearest, expected.nearest, rtol=1e-5)


@pytest.mark.parametrize(
    "head",
    [heads.SoftmaxLayer(4), heads.ASoftmaxLayer(4, gradient="caffe")],
    ids=["softmax", "caffe"],
)
def test_a_head_that_cannot_be_divided_is_named(head):
    with pytest.raises(ValueError, match=f"{type(head).__name__} cannot be divided"):
        ManyIdentitiesClassifier(small_backbone(), head)


def test_fewer_classes_than_devices_are_refused():
    with (
        training_strategy(2).scope(),
        pytest.raises(ValueError, match="a class for each of the 2 devices"),
    ):
        head = heads.AMSoftmaxLayer(2)
        head.num_classes = 1
        ManyIdentitiesClassifier(small_backbone(), head)


def test_half_precision_without_loss_scaling_is_refused():
    with dtype_policy("mixed_float16"):
        backbone = small_backbone()
    many = ManyIdentitiesClassifier(backbone, heads.AMSoftmaxLayer(4))
    with pytest.raises(ValueError, match="loss scaling.* backbone of mixed_float16"):
        many.compile(CaffeSGD(0.1))


def test_metrics_and_other_optimizers_are_refused():
    many = classifier_of("COCOLayer", training_strategy(1), 4, 1.0)
    with pytest.raises(ValueError, match="`metrics` must be None"):
        many.compile(many.optimizer, metrics=["accuracy"])
    with pytest.raises(TypeError, match="`optimizer` must be CaffeSGD"):
        many.compile(keras.optimizers.SGD())


@pytest.mark.parametrize(
    "option",
    [
        {"nesterov": True},
        {"weight_decay": 0.1},
        {"clipnorm": 1.0},
        {"clipvalue": 1.0},
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
    ],
)
def test_what_keras_would_do_for_the_network_alone_is_refused(option):
    many = classifier_of("COCOLayer", training_strategy(1), 4, 1.0)
    with pytest.raises(ValueError, match=f"without {next(iter(option))}, which"):
        many.compile(CaffeSGD(0.1, **option))
