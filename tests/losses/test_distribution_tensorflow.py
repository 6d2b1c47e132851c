"""Metric losses on two replicas: two logical CPUs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface import FaceClassifier, NormalizedSoftmaxLayer
from tf_sphereface.losses import CenterLoss, TripletSemiHardLoss
from tf_sphereface.training.distribution.strategies import training_strategy


def points(count=48):
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(count // 4) % 4, 4)
    return rng.normal(size=(count, 6)).astype("float32"), labels


def classifier(head, metric_losses):
    keras.utils.set_random_seed(1)
    backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
    head = NormalizedSoftmaxLayer(4) if head else None
    model = FaceClassifier(backbone, head, metric_losses)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), jit_compile=False)
    return model


@pytest.mark.slow
def test_center_loss_trains_on_two_replicas_like_on_one_device():
    dataset = tf.data.Dataset.from_tensor_slices(points())
    dataset = dataset.batch(16, drop_remainder=True)
    results = []
    for strategy in (training_strategy(1), training_strategy(2)):
        with strategy.scope():
            model = classifier(True, [CenterLoss(4, weight=0.3)])
        history = model.fit(dataset, epochs=3, shuffle=False, verbose=0).history
        center = model.metric_losses[0]
        assert center.batch_counts.numpy()[-1] == strategy.num_replicas_in_sync
        assert center.batch_counts.numpy()[:-1].tolist() == [4, 4, 4, 4]
        assert center.centers.numpy().all()
        weights = [*model.trainable_weights, center.centers]
        results.append(([weight.numpy() for weight in weights], history))
    (alone, first), (mirrored, second) = results
    for ours, theirs in zip(alone, mirrored, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for name in ("loss", "loss_head", "loss_center"):
        assert second[name] == pytest.approx(first[name], rel=1e-4)


def test_mined_losses_are_the_mean_of_the_replicas_shares():
    images, labels = points(32)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(32)
    strategy = training_strategy(2)
    with strategy.scope():
        model = classifier(False, [TripletSemiHardLoss()])
    embeddings = model.backbone(images)
    loss = TripletSemiHardLoss()
    shares = [
        float(loss(labels[half], embeddings[half]))
        for half in (slice(0, 16), slice(16, 32))
    ]
    assert shares[0] != pytest.approx(shares[1], rel=1e-2)
    value = model.evaluate(dataset, verbose=0, return_dict=True)["loss"]
    assert value == pytest.approx(np.mean(shares), rel=1e-5)


@pytest.mark.slow
def test_a_replica_without_images_leaves_the_logged_losses_finite():
    dataset = tf.data.Dataset.from_tensor_slices(points(20)).take(17).batch(16)
    with training_strategy(2).scope():
        model = classifier(True, [CenterLoss(4)])
    with pytest.warns(UserWarning, match="drop_remainder"):
        history = model.fit(dataset, shuffle=False, verbose=0).history
    for name in ("loss", "loss_head", "loss_center"):
        assert np.isfinite(history[name]).all(), name


def test_a_negative_label_in_a_compiled_function_gives_no_number():
    embeddings, labels = points(4)
    loss = CenterLoss(4)

    @tf.function
    def value(labels):
        return loss(labels, embeddings, training=False)

    assert np.isfinite(value(tf.constant(labels)))
    assert np.isnan(value(tf.constant(labels - 1)))
