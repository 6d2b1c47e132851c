"""Tests for tf_sphereface.face_classifier."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface import (
    ASoftmaxLayer,
    CenterLoss,
    FaceClassifier,
    InverseDecayAnnealing,
    NormalizedSoftmaxLayer,
    TripletSemiHardLoss,
)
from tf_sphereface.deployment.strip import load_backbone
from tf_sphereface.training.distribution import training_strategy


def small_backbone():
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(8, activation="tanh")(outputs)
    return keras.Model(inputs, keras.layers.Dense(6)(outputs))


def faces(count=64, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    centres = rng.normal(size=(classes, 4, 4, 3))
    images = centres[labels] + 0.3 * rng.normal(size=(count, 4, 4, 3))
    return images.astype("float32"), labels


def compiled(margin=4, annealing=None, rate=0.05):
    keras.utils.set_random_seed(1)
    annealing = annealing or InverseDecayAnnealing(base=10.0, gamma=0.1, minimum=1.0)
    head = ASoftmaxLayer(4, margin=margin, annealing=annealing)
    classifier = FaceClassifier(small_backbone(), head)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    classifier.compile(optimizer, metrics=["accuracy"])
    return classifier


def test_fit_learns_and_counts_training_iterations_only():
    classifier, (images, labels) = compiled(), faces()
    classifier.fit(images, labels, batch_size=16, epochs=25, verbose=0)
    classifier.evaluate(images, labels, verbose=0)
    classifier.predict(images, verbose=0)
    assert int(classifier.head.iteration) == 25 * 4
    assert classifier.evaluate(images, labels, verbose=0, return_dict=True)[
        "accuracy"
    ] == pytest.approx(1.0)


def test_accuracy_sees_logits_without_the_margin():
    classifier, (images, labels) = compiled(), faces()
    result = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    logits = classifier.head(classifier.backbone(images)).numpy()
    assert result["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == labels))


def test_loss_has_the_margin():
    classifier, (images, labels) = compiled(), faces()
    result = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    logits = classifier.head(classifier.backbone(images), labels).numpy()
    picked = logits[np.arange(len(labels)), labels]
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - picked)
    assert result["loss"] == pytest.approx(expected, rel=1e-5)


def test_regularisers_of_the_backbone_are_part_of_the_loss():
    images, labels = faces()
    losses = []
    for strength in (0.0, 0.5):
        keras.utils.set_random_seed(3)
        dense = keras.layers.Dense(
            6, kernel_regularizer=keras.regularizers.L2(strength)
        )
        backbone = keras.Sequential(
            [keras.Input((4, 4, 3)), keras.layers.Flatten(), dense]
        )
        classifier = FaceClassifier(backbone, ASoftmaxLayer(4))
        classifier.compile("sgd")
        losses.append(classifier.evaluate(images, labels, verbose=0))
    penalty = 0.5 * np.square(dense.kernel.numpy()).sum()
    assert losses[1] - losses[0] == pytest.approx(penalty, rel=1e-4)


def test_sample_weights_weigh_the_loss():
    classifier, (images, labels) = compiled(), faces(8)
    whole = classifier.evaluate(images[:4], labels[:4], verbose=0, return_dict=True)
    weights = np.array([2.0] * 4 + [0.0] * 4)
    outputs = classifier(images)
    loss = classifier.compute_loss(
        y=labels, y_pred=outputs, sample_weight=weights, training=False
    )
    assert float(loss) == pytest.approx(whole["loss"], rel=1e-5)


def test_save_and_load_keep_weights_counter_and_optimizer(tmp_path):
    classifier, (images, labels) = compiled(), faces()
    classifier.fit(images, labels, batch_size=16, epochs=3, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert int(loaded.head.iteration) == 12
    assert loaded.head.margin == 4
    assert loaded.head.annealing.base == 10.0
    for ours, theirs in zip(classifier.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    before = classifier.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    after = loaded.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    assert before == pytest.approx(after, rel=1e-6)


def test_head_computes_in_float32_under_a_mixed_policy():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        classifier = compiled()
    finally:
        keras.config.set_dtype_policy(policy)
    images, labels = faces()
    embeddings = classifier.backbone(images)
    outputs = classifier(images)
    assert embeddings.dtype == tf.bfloat16
    kernel = classifier.head.kernel.numpy().astype("float64")
    exact = tf.cast(embeddings, tf.float64).numpy() @ (
        kernel / np.linalg.norm(kernel, axis=0)
    )
    np.testing.assert_allclose(outputs["logits"], exact, atol=1e-5)
    history = classifier.fit(images, labels, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_a_loss_given_to_compile_is_refused():
    classifier, (images, labels) = compiled(), faces()
    classifier.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="the head is the loss"):
        classifier.fit(images, labels, verbose=0)
    classifier.compile("sgd")  # as the message says
    assert np.isfinite(classifier.evaluate(images, labels, verbose=0)).all()


def test_something_else_as_head_is_refused():
    with pytest.raises(TypeError, match="`head` must be a MarginHead"):
        FaceClassifier(small_backbone(), keras.layers.Dense(4))


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


def with_set_losses(head=True):
    keras.utils.set_random_seed(1)
    parts = [CenterLoss(4, weight=0.1), TripletSemiHardLoss(weight=0.5)]
    head = NormalizedSoftmaxLayer(4) if head else None
    classifier = FaceClassifier(small_backbone(), head, parts)
    classifier.compile(
        keras.optimizers.SGD(0.05), metrics=["accuracy"] if head else None
    )
    return classifier


def test_the_loss_is_the_heads_plus_the_weighed_set_losses():
    classifier, (images, labels) = with_set_losses(), faces(32)
    embeddings = classifier.backbone(images)
    head = classifier.head.sample_losses(classifier.head.forward(embeddings), labels)
    parts = {
        "loss_head": float(np.mean(head)),
        "loss_center": np.square(embeddings).sum(axis=1).mean() / 2,
        "loss_triplet_semihard": float(TripletSemiHardLoss()(labels, embeddings)),
    }
    result = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    for name, value in parts.items():
        assert result[name] == pytest.approx(value, rel=1e-5)
    head, center, triplet = parts.values()
    assert result["loss"] == pytest.approx(head + 0.1 * center + 0.5 * triplet)


def test_set_losses_alone_train_and_centres_move_in_training_only():
    classifier, (images, labels) = with_set_losses(head=False), faces()
    assert set(classifier(images)) == {"embeddings"}
    classifier.evaluate(images, labels, verbose=0)
    assert not np.any(classifier.set_losses[0].centers.numpy())
    history = classifier.fit(images, labels, batch_size=32, epochs=15, verbose=0)
    assert classifier.set_losses[0].centers.numpy().all()
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("head", [True, False])
def test_save_and_load_keep_set_losses_and_centres(head, tmp_path):
    classifier, (images, labels) = with_set_losses(head), faces()
    classifier.fit(images, labels, batch_size=16, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert (loaded.head is None) == (not head)
    assert [part.weight for part in loaded.set_losses] == [0.1, 0.5]
    for ours, theirs in zip(classifier.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    before = classifier.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    after = loaded.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    assert before == pytest.approx(after, rel=1e-6)
    np.testing.assert_array_equal(
        load_backbone(tmp_path / "classifier.keras")(images),
        keras.models.load_model(tmp_path / "classifier.keras").backbone(images),
    )


def test_a_backbone_without_a_shape_is_built_by_fit():
    images, labels = faces()
    backbone = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])
    classifier = FaceClassifier(backbone, None, [CenterLoss(4)])
    classifier.compile("sgd")
    classifier.fit(images, labels, verbose=0)
    assert classifier.set_losses[0].centers.shape == (4, 6)
    assert classifier.set_losses[0].centers.numpy().any()


def test_metrics_without_a_head_and_sample_weights_are_refused():
    classifier, (images, labels) = with_set_losses(head=False), faces()
    classifier.compile("sgd", metrics=["accuracy"])
    with pytest.raises(ValueError, match="no `metrics` without a head"):
        classifier.fit(images, labels, verbose=0)
    classifier.compile("sgd")
    with pytest.raises(ValueError, match="`sample_weight` must be None"):
        classifier.fit(images, labels, sample_weight=np.ones(64), verbose=0)


def test_parts_that_make_no_classifier_are_refused():
    backbone = small_backbone()
    with pytest.raises(ValueError, match="`head` or `set_losses` must be given"):
        FaceClassifier(backbone)
    with pytest.raises(TypeError, match="`set_losses` must be SetLoss objects"):
        FaceClassifier(backbone, set_losses=["center"])
    with pytest.raises(ValueError, match="different names.* names=.'center', 'center"):
        FaceClassifier(backbone, set_losses=[CenterLoss(4), CenterLoss(4)])
