"""Tests of ASoftmaxLayer(gradient="caffe") in TensorFlow's compiled functions."""

import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.heads import ASoftmaxLayer, InverseDecayAnnealing


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_compiled_gradient_is_the_eager_one(batch, place, head_gradients, xla):
    embeddings, labels = batch
    embeddings = embeddings.astype("float32")
    annealing = InverseDecayAnnealing(5.0, gamma=0.0, minimum=0.0)
    head = ASoftmaxLayer(5, annealing=annealing, gradient="caffe")
    place(head, embeddings, labels, [10, 50, 80, 100, 130, 170])

    @tf.function(jit_compile=xla)
    def compiled(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            losses = head.sample_losses(head.margin_free(values), labels)
            loss = tf.reduce_mean(losses)
        return tape.gradient(loss, [values, head.kernel.value])

    actual = compiled(tf.constant(embeddings))
    expected = head_gradients(head, embeddings, labels)[1]
    for ours, eager in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, eager, rtol=1e-4, atol=1e-6)
