"""Tests of FaceClassifier that need TensorFlow: replicas, export."""

import keras
import numpy as np
import tensorflow as tf

from tests.small_classifier import compiled, faces, small_backbone
from tf_sphereface import CenterLoss, FaceClassifier
from tf_sphereface.embedding_models import load_backbone
from tf_sphereface.training.distribution import training_strategy


def test_two_replicas_train_like_one_device():
    images, labels = faces()
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16).take(4)
    results = []
    for strategy in (training_strategy(1), training_strategy(2)):
        with strategy.scope():
            classifier = compiled()
        assert strategy.num_replicas_in_sync == len(results) + 1
        classifier.fit(dataset, epochs=2, shuffle=False, verbose=0)
        assert int(classifier.head.iteration.numpy()) == 8
        results.append([weight.numpy() for weight in classifier.trainable_weights])
    for alone, mirrored in zip(*results, strict=True):
        np.testing.assert_allclose(alone, mirrored, rtol=2e-4, atol=2e-6)


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
