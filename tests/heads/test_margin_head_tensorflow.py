"""Contract of every head in TensorFlow's compiled functions and over its replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.heads.every_head import ARGUMENTS, make, points
from tf_sphereface import FaceClassifier, heads
from tf_sphereface.training.distribution.strategies import training_strategy


@pytest.mark.quick_cases("ArcFaceLayer", "AdaFaceLayer")
@pytest.mark.parametrize("name", ARGUMENTS)
def test_compiled_losses_are_the_eager_ones(name):
    embeddings, labels = points()
    eager, traced = make(name), make(name)
    for head in (eager, traced):
        head.build(embeddings.shape)

    @tf.function(jit_compile=True)
    def losses(embeddings, labels):
        return traced.sample_losses(
            traced.margin_free(embeddings), labels, training=True
        )

    for _ in range(2):
        expected = eager.sample_losses(
            eager.margin_free(tf.constant(embeddings)), labels, training=True
        )
        actual = losses(tf.constant(embeddings), tf.constant(labels))
        np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=1e-5)


# Every way in which a step depends on more than its own samples.
REPLICATED = {
    "caffe": (
        "ASoftmaxLayer",
        {
            "gradient": "caffe",
            "annealing": heads.InverseDecayAnnealing(9.0, 0.02, 1.0, 0.0, "images"),
        },
    ),
    "CurricularFaceLayer": ("CurricularFaceLayer", {}),
    "AdaFaceLayer": ("AdaFaceLayer", {}),
}


@pytest.mark.quick_cases("CurricularFaceLayer")
@pytest.mark.parametrize("case", REPLICATED)
def test_two_replicas_train_like_one_device(case):
    name, kwargs = REPLICATED[case]
    embeddings, labels = points(count=48)
    dataset = tf.data.Dataset.from_tensor_slices((embeddings, labels))
    dataset = dataset.batch(16, drop_remainder=True)
    results = []
    for strategy in (training_strategy(1), training_strategy(2)):
        with strategy.scope():
            head = make(name, **kwargs)
            backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
            classifier = FaceClassifier(backbone, head)
            optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
            classifier.compile(optimizer, jit_compile=False)
        classifier.fit(dataset, epochs=2, shuffle=False, verbose=0)
        results.append([weight.numpy() for weight in classifier.weights])
    for alone, mirrored in zip(*results, strict=True):
        np.testing.assert_allclose(mirrored, alone, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_negative_label_in_a_compiled_function_gives_no_number(name):
    head, (embeddings, labels) = make(name), points()
    head.build(embeddings.shape)

    @tf.function
    def losses(labels):
        return head.sample_losses(head.margin_free(embeddings), labels)

    assert np.isfinite(losses(tf.constant(labels))).all()
    labels[2] = -1
    try:
        assert np.isnan(losses(tf.constant(labels))[2])
    except tf.errors.InvalidArgumentError as error:
        assert "-1" in str(error)


def test_a_replica_without_images_leaves_hardness_finite():
    embeddings, labels = points(5)
    dataset = tf.data.Dataset.from_tensor_slices((embeddings, labels)).batch(4)
    with training_strategy(2).scope():
        backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
        model = FaceClassifier(backbone, make("CurricularFaceLayer"))
        model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    with pytest.warns(UserWarning, match="drop_remainder"):
        loss = model.fit(dataset, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert np.isfinite(model.head.hardness.numpy())
