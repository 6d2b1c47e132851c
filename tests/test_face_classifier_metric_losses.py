"""Tests of FaceClassifier with metric losses, beside a head and alone."""

import zipfile

import keras
import numpy as np
import pytest
from keras import ops

from tests.small_classifier import faces, small_backbone
from tf_sphereface import (
    CenterLoss,
    FaceClassifier,
    NormalizedSoftmaxLayer,
    TripletSemiHardLoss,
)


def with_metric_losses(head=True, **how):
    keras.utils.set_random_seed(1)
    parts = [CenterLoss(4, weight=0.1), TripletSemiHardLoss(weight=0.5)]
    head = NormalizedSoftmaxLayer(4) if head else None
    classifier = FaceClassifier(small_backbone(), head, parts)
    classifier.compile(
        keras.optimizers.SGD(0.05),
        metrics=["accuracy"] if head else None,
        **{"jit_compile": False, **how},
    )
    return classifier


def test_the_loss_is_the_heads_plus_the_weighed_metric_losses():
    classifier, (images, labels) = with_metric_losses(), faces(32)
    embeddings = ops.convert_to_numpy(classifier.backbone(images))
    head = classifier.head.sample_losses(
        classifier.head.margin_free(embeddings), labels
    )
    parts = {
        "loss_head": float(ops.mean(head)),
        "loss_center": np.square(embeddings).sum(axis=1).mean() / 2,
        "loss_triplet_semihard": float(TripletSemiHardLoss()(labels, embeddings)),
    }
    result = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    for name, value in parts.items():
        assert result[name] == pytest.approx(value, rel=1e-5)
    head, center, triplet = parts.values()
    assert result["loss"] == pytest.approx(head + 0.1 * center + 0.5 * triplet)


def test_metric_losses_alone_train_and_centres_move_in_training_only():
    classifier = with_metric_losses(head=False, jit_compile="auto")
    images, labels = faces()
    assert set(classifier(images)) == {"embeddings"}
    classifier.evaluate(images, labels, verbose=0)
    assert not np.any(classifier.metric_losses[0].centers.numpy())
    history = classifier.fit(images, labels, batch_size=32, epochs=15, verbose=0)
    assert classifier.metric_losses[0].centers.numpy().all()
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_predict_without_a_head_gives_embeddings():
    classifier, images = (
        FaceClassifier(small_backbone(), None, [CenterLoss(4)]),
        faces(8)[0],
    )
    classifier.compile("sgd")
    expected = ops.convert_to_numpy(classifier.backbone(images))
    given = classifier.predict(images, verbose=0)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("head", [True, False])
def test_save_and_load_keep_metric_losses_and_centres(head, tmp_path):
    classifier, (images, labels) = with_metric_losses(head, run_eagerly=True), faces()
    classifier.fit(images, labels, batch_size=16, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert (loaded.head is None) == (not head)
    assert [part.weight for part in loaded.metric_losses] == [0.1, 0.5]
    for ours, theirs in zip(classifier.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    before = classifier.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    after = loaded.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    assert before == pytest.approx(after, rel=1e-6)


def test_a_backbone_without_a_shape_is_built_by_fit():
    images, labels = faces()
    backbone = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])
    classifier = FaceClassifier(backbone, None, [CenterLoss(4)])
    classifier.compile("sgd")
    classifier.fit(images, labels, verbose=0)
    assert classifier.metric_losses[0].centers.shape == (4, 6)
    assert classifier.metric_losses[0].centers.numpy().any()


def test_metrics_without_a_head_and_sample_weights_are_refused():
    classifier, (images, labels) = with_metric_losses(head=False), faces()
    with pytest.raises(ValueError, match="no `metrics` without a head"):
        classifier.compile("sgd", metrics=["accuracy"])
    with pytest.raises(ValueError, match="`sample_weight` must be None"):
        classifier.fit(images, labels, sample_weight=np.ones(64), verbose=0)


def test_parts_that_make_no_classifier_are_refused():
    backbone = small_backbone()
    with pytest.raises(ValueError, match="`head` or `metric_losses` must be given"):
        FaceClassifier(backbone)
    with pytest.raises(TypeError, match="`metric_losses` must be MetricLoss objects"):
        FaceClassifier(backbone, metric_losses=["center"])
    with pytest.raises(ValueError, match="different names.* names=.'center', 'center"):
        FaceClassifier(backbone, metric_losses=[CenterLoss(4), CenterLoss(4)])


def rename_to_old_names(path, out):
    """The file as versions that said "set losses" wrote it."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = content.replace(b'"metric_losses"', b'"set_losses"')
            target.writestr(name, content)


def test_a_file_that_says_set_losses_loads_with_its_centres(tmp_path):
    classifier, (images, labels) = with_metric_losses(), faces()
    classifier.fit(images, labels, verbose=0)
    centers = keras.ops.convert_to_numpy(classifier.metric_losses[0].centers)
    classifier.save(tmp_path / "new.keras")
    rename_to_old_names(tmp_path / "new.keras", tmp_path / "old.keras")
    loaded = keras.models.load_model(tmp_path / "old.keras")
    assert np.abs(centers).max() > 0
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(loaded.metric_losses[0].centers), centers
    )
    for ours, theirs in zip(loaded.weights, classifier.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )
