"""Tests of annealing over TensorFlow's replicas and in its compiled functions."""

import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.heads import ASoftmaxLayer, InverseDecayAnnealing, StagedMargin
from tf_sphereface.training.distribution.strategies import training_strategy


def test_replicas_together_count_the_images_of_the_whole_batch():
    strategy = training_strategy(2)
    with strategy.scope():
        head = ASoftmaxLayer(5, annealing=InverseDecayAnnealing(unit="images"))
        head.build((None, 8))

    @tf.function
    def step():
        def replica():
            # Of unlike size, as the last batch of an epoch would be.
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            embeddings = tf.ones((3 + number, 8))
            head(embeddings, tf.zeros(3 + number, tf.int32), training=True)
            return head.annealing_lambda()

        return strategy.experimental_local_results(strategy.run(replica))

    for _ in range(2):
        lambdas = [float(value) for value in step()]
    assert int(head.images.numpy()) == 14
    assert int(head.iteration.numpy()) == 2
    assert lambdas == pytest.approx([1000 / (1 + 0.12 * 14)] * 2, rel=1e-5)


def test_staged_margin_changes_inside_one_compiled_function():
    head = ASoftmaxLayer(5, margin=StagedMargin((1, 3), (0, 2)), annealing=None)
    embeddings, labels = -np.ones((1, 8), np.float32), np.array([0])
    head.build((None, 8))
    head.kernel.assign(np.ones((8, 5)))  # theta = pi: psi is 1 - 2m

    @tf.function(jit_compile=True)
    def step():
        return head(embeddings, labels, training=True)[0, 0]

    norm = np.sqrt(8)
    values = [float(step()) for _ in range(3)]
    np.testing.assert_allclose(values, [-norm, -5 * norm, -5 * norm], rtol=1e-5)
