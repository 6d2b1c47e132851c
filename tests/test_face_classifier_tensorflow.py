"""Tests of FaceClassifier that need TensorFlow: replicas, export."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.small_classifier import compiled, faces, small_backbone
from tf_sphereface import (
    ASoftmaxLayer,
    CenterLoss,
    FaceClassifier,
    InverseDecayAnnealing,
)
from tf_sphereface.embedding_models import load_backbone
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.distribution.strategies import training_strategy


def test_two_replicas_train_like_one_device():
    images, labels = faces()
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(
        16, drop_remainder=True
    )
    results = []
    for strategy in (training_strategy(1), training_strategy(2)):
        with strategy.scope():
            classifier = compiled()
        assert strategy.num_replicas_in_sync == len(results) + 1
        classifier.fit(dataset, shuffle=False, verbose=0)
        assert int(classifier.head.iteration.numpy()) == 4
        results.append([weight.numpy() for weight in classifier.trainable_weights])
    for alone, mirrored in zip(*results, strict=True):
        np.testing.assert_allclose(alone, mirrored, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("batches", "warns"),
    [
        ({"x": faces(17)[0], "y": faces(17)[1], "batch_size": 16}, True),
        ({"x": faces(32)[0], "y": faces(32)[1], "batch_size": 16}, False),
        ({"x": tf.data.Dataset.from_tensor_slices(faces(17)).batch(16)}, True),
        ({"x": tf.data.Dataset.from_tensor_slices(faces(17)).batch(16, True)}, False),
    ],
)
def test_a_replica_without_images_is_told_before_training(monkeypatch, batches, warns):
    """By the line that cures it; on one device there is nothing to tell."""
    seen = []
    monkeypatch.setattr(keras.Model, "fit", lambda *a, **k: seen.append(len(caught)))
    for devices in (1, 2):
        with training_strategy(devices).scope():
            classifier = compiled()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            classifier.fit(**batches)
        told = [warning for warning in caught if "replica" in str(warning.message)]
        assert bool(told) == (warns and devices == 2)
        assert not told or "drop_remainder=True" in str(told[0].message)
    assert len(seen) == 2 and bool(seen[1]) == warns  # before training


def caught_in_fit(devices, optimizer, monkeypatch, calls=1):
    monkeypatch.setattr(keras.Model, "fit", lambda *arguments, **options: None)
    with training_strategy(devices).scope():
        annealing = InverseDecayAnnealing(base=10.0, gamma=0.1)
        head = ASoftmaxLayer(4, annealing=annealing, calls_per_iteration=calls)
        classifier = FaceClassifier(small_backbone(), head)
        classifier.compile(optimizer())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(*faces(16), batch_size=8)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("bound", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("kind", [keras.optimizers.Adam, CaffeSGD])
def test_gradients_that_are_bounded_on_each_replica_are_told(monkeypatch, bound, kind):
    """On one device, and with Caffe's bound of the whole batch, nothing is told."""
    told = [
        caught_in_fit(devices, lambda: kind(0.1, **{bound: 1.0}), monkeypatch)
        for devices in (1, 2)
    ]
    assert told[0] == []
    if kind is CaffeSGD and bound == "global_clipnorm":
        assert told[1] == []
    else:
        (sentence,) = told[1]
        assert sentence.startswith(f"{bound}: Keras bounds each replica's share")


def test_accumulation_that_the_strategy_cannot_is_refused(monkeypatch):
    def optimizer():
        inner = keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)
        return keras.optimizers.LossScaleOptimizer(inner)

    with pytest.raises(ValueError, match="without `gradient_accumulation_steps` on"):
        caught_in_fit(2, optimizer, monkeypatch, calls=4)
    assert caught_in_fit(1, optimizer, monkeypatch, calls=4) == []
    (sentence,) = caught_in_fit(1, optimizer, monkeypatch)
    assert sentence.endswith("make the head with calls_per_iteration=4")


def test_classifier_is_exported_whole_before_and_after_it_was_called(tmp_path):
    classifier, images = compiled(), faces(5)[0]
    classifier.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    expected = classifier(images)["logits"]
    np.testing.assert_allclose(
        loaded.serve(images)["logits"], expected, rtol=1e-4, atol=1e-6
    )


def test_export_finds_the_backbone_of_a_classifier_without_a_head(tmp_path):
    images, _ = faces(3)
    classifier = FaceClassifier(small_backbone(), metric_losses=[CenterLoss(4)])
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(
        load_backbone(tmp_path / "classifier.keras")(images), loaded.backbone(images)
    )
