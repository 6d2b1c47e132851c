"""Tests for tf_sphereface.training.caffe_sgd."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.training.caffe_sgd import CaffeSGD


def caffe_steps(weight, gradients, rate, momentum, decay):
    """Caffe's SGDSolver: history = momentum * history + rate * (gradient + decay w)."""
    history = np.zeros_like(weight)
    for gradient in gradients:
        history = momentum * history + rate * (gradient + decay * weight)
        weight = weight - history
    return weight


@pytest.mark.parametrize(
    ("name", "rate", "decay"), [("kernel", 0.1, 0.01), ("bias", 0.2, 0.0)]
)
def test_updates_equal_caffes_solver(name, rate, decay):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=4), rng.normal(size=(5, 4))
    variable = keras.Variable(start, dtype="float64", name=name)
    optimizer = CaffeSGD(0.1, momentum=0.9, coupled_weight_decay=0.01)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
    expected = caffe_steps(start, gradients, rate, 0.9, decay)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("how", [{"momentum": 0.0}, {"nesterov": True}])
def test_other_momenta_are_keras_own_with_the_decay_in_the_gradient(how):
    how, results = {"momentum": 0.9, **how}, []
    start, gradient = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    ours = CaffeSGD(0.1, coupled_weight_decay=0.01, **how)
    for optimizer, decay in ((ours, 0.0), (keras.optimizers.SGD(0.1, **how), 0.01)):
        variable = keras.Variable(start, dtype="float64", name="kernel")
        for _ in range(3):
            added = gradient + decay * variable.numpy()
            optimizer.apply([tf.constant(added)], [variable])
        results.append(variable.numpy())
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_biases_of_a_model_in_fit_learn_faster():
    changes = []
    for bias_rate in (1.0, 3.0):
        dense = keras.layers.Dense(2, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile(CaffeSGD(0.1, bias_rate=bias_rate), loss="mse")
        model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=4, verbose=0)
        changes.append([dense.kernel.numpy(), dense.bias.numpy()])
    np.testing.assert_allclose(changes[1][0], changes[0][0])
    np.testing.assert_allclose(changes[1][1], 3 * changes[0][1], rtol=1e-6)


@pytest.mark.parametrize(
    ("shares", "bounded"),
    [
        # The whole is bounded to length 1.
        ([[3.0, 0.0], [0.0, 4.0]], [0.6, 0.8]),
        # It is short enough, though each share is not.
        ([[30.0, 0.5], [-30.0, 0.0]], [0.0, 0.5]),
    ],
)
def test_gradients_of_all_replicas_are_bounded_together(shares, bounded):
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        variable = keras.Variable(np.zeros(2), dtype="float32", name="kernel")
        unused = keras.Variable(np.zeros(2), dtype="float32", name="unused")
        optimizer = CaffeSGD(0.5, momentum=0.0, global_clipnorm=1.0)
        optimizer.build([variable, unused])

    @tf.function
    def step():
        def apply():
            context = tf.distribute.get_replica_context()
            share = tf.gather(tf.constant(shares), context.replica_id_in_sync_group)
            optimizer.apply([share, None], [variable, unused])

        strategy.run(apply)

    with pytest.warns(UserWarning, match="Gradients do not exist"):
        step()
    expected = -0.5 * np.array(bounded)
    np.testing.assert_allclose(variable.numpy(), expected, atol=1e-6)


def test_config_round_trip_keeps_the_arguments():
    optimizer = CaffeSGD(0.3, momentum=0.8, coupled_weight_decay=0.02, bias_rate=3.0)
    copy = CaffeSGD.from_config(optimizer.get_config())
    assert float(copy.learning_rate) == pytest.approx(0.3)
    assert (copy.momentum, copy.coupled_weight_decay, copy.bias_rate) == (0.8, 0.02, 3)


def test_all_devices_move_biases_alike():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        layer = keras.layers.Dense(2, name="fc")
        layer.build((None, 3))
        optimizer = CaffeSGD(0.1, momentum=0.0, coupled_weight_decay=0.5)
        optimizer.build(layer.trainable_variables)

    @tf.function
    def step():
        gradients = [tf.ones(v.shape) for v in layer.trainable_variables]
        optimizer.apply(gradients, layer.trainable_variables)

    layer.bias.assign([1.0, 1.0])
    strategy.run(step)
    # Two shares of the gradient, twice the rate, no decay.
    for bias in strategy.experimental_local_results(layer.bias.value):
        np.testing.assert_allclose(bias, 1.0 - 2 * 0.1 * 2.0, rtol=1e-6)
