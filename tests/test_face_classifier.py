"""Tests for tf_sphereface.face_classifier."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.small_classifier import compiled, faces, small_backbone
from tf_sphereface import ASoftmaxLayer, FaceClassifier, SphereFaceCNN
from tf_sphereface.loss_scaling import LossScaling
from tf_sphereface.precision import dtype_policy


def test_fit_learns_and_counts_training_iterations_only():
    classifier, (images, labels) = compiled(jit_compile="auto"), faces()
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
    logits = ops.convert_to_numpy(classifier.head(classifier.backbone(images)))
    assert result["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == labels))


def test_loss_has_the_margin():
    classifier, (images, labels) = compiled(), faces()
    result = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    logits = classifier.head(classifier.backbone(images), labels)
    logits = ops.convert_to_numpy(logits)
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
    assert ops.convert_to_numpy(loss) == pytest.approx(whole["loss"], rel=1e-5)


def test_save_and_load_keep_weights_counter_and_optimizer(tmp_path):
    classifier, (images, labels) = compiled(), faces()
    classifier.fit(images, labels, batch_size=16, epochs=3, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert int(loaded.head.iteration) == 12
    assert loaded.head.margin == 4
    assert loaded.head.annealing.base == 10.0
    for ours, theirs in zip(classifier.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    before = classifier.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    after = loaded.fit(images, labels, batch_size=64, verbose=0).history["loss"]
    assert before == pytest.approx(after, rel=1e-6)


def test_half_precision_is_scaled_as_long_as_it_is_not_declined(tmp_path):
    """The head keeps the classifier's own policy at float32, which Keras looks at."""
    with dtype_policy("mixed_float16"):
        classifier = FaceClassifier(small_backbone(), ASoftmaxLayer(4))
    classifier.compile("sgd", jit_compile=False)
    assert type(classifier.optimizer) is LossScaling
    images, labels = faces()
    classifier.fit(images, labels, batch_size=16, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert type(loaded.optimizer) is LossScaling
    assert isinstance(loaded.optimizer.inner_optimizer, keras.optimizers.SGD)
    assert int(loaded.optimizer.inner_optimizer.iterations) == 4
    own = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    classifier.compile(own, jit_compile=False)
    assert classifier.optimizer is own
    classifier.compile("sgd", auto_scale_loss=False)
    assert isinstance(classifier.optimizer, keras.optimizers.SGD)
    assert isinstance(compiled().optimizer, keras.optimizers.SGD)


def test_predict_gives_the_logits():
    classifier, (images, labels) = compiled(), faces()
    classifier.fit(images, labels, batch_size=16, epochs=3, verbose=0)
    expected = ops.convert_to_numpy(classifier(images)["logits"])
    logits = classifier.predict(images, batch_size=10, verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)
    accuracy = np.mean(np.argmax(logits, axis=-1) == labels)
    found = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    assert accuracy == pytest.approx(found["accuracy"])


def test_frozen_layers_and_the_optimizers_state_are_loaded(tmp_path):
    backbone = SphereFaceCNN(
        4, 4, height=48, width=32, width_multiplier=1 / 64, batch_norm=True
    )
    for layer in backbone.layers[:-1]:
        layer.trainable = False
    classifier = FaceClassifier(backbone, ASoftmaxLayer(4))
    classifier.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    images = np.random.default_rng(0).normal(size=(4, 48, 32, 3)).astype("float32")
    labels = np.arange(4)
    classifier.train_on_batch(images, labels)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    assert len(loaded.trainable_variables) == len(classifier.trainable_variables) == 3
    state = [variable.numpy() for variable in classifier.optimizer.variables]
    for ours, theirs in zip(state, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())


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
    assert keras.backend.standardize_dtype(embeddings.dtype) == "bfloat16"
    kernel = classifier.head.kernel.numpy().astype("float64")
    exact = ops.convert_to_numpy(ops.cast(embeddings, "float32")).astype("float64") @ (
        kernel / np.linalg.norm(kernel, axis=0)
    )
    logits = ops.convert_to_numpy(outputs["logits"])
    np.testing.assert_allclose(logits, exact, atol=1e-5)
    history = classifier.fit(images, labels, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_a_loss_given_to_compile_is_refused():
    classifier, (images, labels) = compiled(), faces()
    with pytest.raises(
        ValueError, match="head and metric losses are it. Received: loss='mse'"
    ):
        classifier.compile("sgd", loss="mse")
    classifier.compile("sgd", loss=None)
    assert np.isfinite(classifier.evaluate(images, labels, verbose=0)).all()


def test_something_else_as_head_is_refused():
    with pytest.raises(TypeError, match="`head` must be a MarginHead"):
        FaceClassifier(small_backbone(), keras.layers.Dense(4))
