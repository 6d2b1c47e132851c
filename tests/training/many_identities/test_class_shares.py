"""Tests for tf_sphereface.training.many_identities.class_shares."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.many_identities.plain_heads import DIM, divided, values
from tests.training.many_identities.trained import classifier_of, fitted
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.distribution.strategies import training_strategy
from tf_sphereface.training.many_identities import class_shares

CLASSES = 41  # shares of 21 and 20


def sample(shares, strategy, labels, step):
    """Numbers of the picked classes of each share, among all classes."""

    def on_replica():
        return shares.pick(tf.constant(labels), step).numbers

    run = tf.function(lambda: strategy.run(on_replica))
    parts = strategy.experimental_local_results(run())
    starts = shares.bounds[:-1]
    return [part.numpy() + start for part, start in zip(parts, starts, strict=True)]


def test_a_sample_has_the_batchs_classes_and_as_many_as_the_rate_says():
    strategy = training_strategy(2)
    _, shares = divided("AMSoftmaxLayer", strategy, CLASSES, 0.3)
    labels = np.array([0, 20, 21, 40, 40], np.int32)
    first, second = sample(shares, strategy, labels, 7)
    assert len(set(first)) == len(first) == 7  # 0.3 of 21, rounded up
    assert len(set(second)) == len(second) == 6
    assert first.max() < 21 <= second.min() and second.max() < CLASSES
    assert {0, 20} < set(first) and {21, 40} < set(second)


def test_a_sample_depends_on_step_share_and_seed_alone():
    strategy = training_strategy(2)
    labels = np.array([3], np.int32)
    found = {}
    for seed in (0, 1):
        _, shares = divided("AMSoftmaxLayer", strategy, 40, 0.3)
        shares.seed = seed
        for step in (5, 6):
            picked = sample(shares, strategy, labels, step)
            again = sample(shares, strategy, labels, step)
            for ours, theirs in zip(picked, again, strict=True):
                np.testing.assert_array_equal(ours, theirs)
            found[seed, step] = picked
    samples = [
        tuple(sorted(part - 20 * place))
        for parts in found.values()
        for place, part in enumerate(parts)
    ]
    assert len(set(samples)) == 8


def test_all_other_classes_are_as_likely():
    strategy = training_strategy(1)
    _, shares = divided("AMSoftmaxLayer", strategy, CLASSES, 0.25)
    pick = tf.function(
        lambda step: shares.pick(tf.constant([4, 9], tf.int32), step).numbers
    )
    counts = np.zeros(CLASSES)
    for step in range(600):
        counts[pick(tf.constant(step)).numpy()] += 1
    assert counts[4] == counts[9] == 600
    others = np.delete(counts, [4, 9])
    rate = 9 / 39  # 11 classes, of which two are the batch's
    deviations = (others - 600 * rate) / np.sqrt(600 * rate * (1 - rate))
    assert np.abs(deviations).max() < 4 and 0.6 < np.std(deviations) < 1.4


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_rows_move_by_caffes_rule_and_no_other_row_changes(rate):
    strategy = training_strategy(2)
    _, shares = divided("COCOLayer", strategy, CLASSES, rate)
    rng = np.random.default_rng(1)
    rows = shares.kernel.T.astype("float64")
    velocities = np.zeros_like(rows)
    optimizer = CaffeSGD(0.5, momentum=0.8, coupled_weight_decay=0.01)
    gradient = rng.normal(size=(CLASSES, DIM)).astype("float32")

    def on_replica(step):
        picked = shares.pick(tf.constant([0, 30]), step)
        place = tf.distribute.get_replica_context().replica_id_in_sync_group
        start = shares.bounds[int(tf.get_static_value(place))]
        numbers = picked.numbers
        if numbers is None:
            numbers = tf.range(picked.rows.shape[0])
        own = tf.gather(gradient, numbers + start)
        shares.update(picked, own, optimizer.moved_rows)
        return numbers + start

    run = tf.function(lambda step: strategy.run(on_replica, args=(step,)))
    ever = set()
    for step in range(3):
        before = shares.kernel.T
        picked = values(strategy, run(tf.constant(step)))
        ever |= set(picked.tolist())
        pull = gradient[picked] + 0.01 * rows[picked]
        velocities[picked] = 0.8 * velocities[picked] - 0.5 * pull
        rows[picked] += velocities[picked]
        others = np.setdiff1d(np.arange(CLASSES), picked)
        np.testing.assert_array_equal(shares.kernel.T[others], before[others])
        np.testing.assert_allclose(shares.kernel.T, rows, rtol=1e-5, atol=1e-6)
    assert (len(ever) < CLASSES) == (rate < 1)
    store = {}
    shares.save_own_variables(store)
    np.testing.assert_allclose(store["velocities"], velocities, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_in_a_training_only_sampled_rows_and_their_momentum_change():
    strategy = training_strategy(2)
    many = classifier_of("ArcFaceLayer", strategy, 400, 0.1)
    before, stored = many.shares.kernel, {}
    _, kernel = fitted(many, 400, steps=1)
    changed = (kernel != before).any(axis=0).reshape(400, -1).any(axis=1)
    many.shares.save_own_variables(stored)
    moving = (stored["velocities"] != 0).any(axis=1)
    assert changed.sum() == 40
    np.testing.assert_array_equal(changed, moving)


def test_weights_go_on_with_another_number_of_devices():
    two, one = training_strategy(2), training_strategy(1)
    head, shares = divided("AMSoftmaxLayer", two, CLASSES, 1.0)
    shares.velocities[1].assign_add(tf.ones_like(shares.velocities[1]))
    stored = {}
    shares.save_own_variables(stored)
    _, alone = divided("AMSoftmaxLayer", one, CLASSES, 1.0)
    alone.load_own_variables(stored)
    np.testing.assert_array_equal(alone.kernel, shares.kernel)
    assert alone.velocities[0].numpy().sum() == 20 * shares.width
    _, fewer = divided("AMSoftmaxLayer", one, CLASSES - 1, 1.0)
    with pytest.raises(ValueError, match="of another head"):
        fewer.load_own_variables(stored)


def test_blocks_are_the_kernel_in_parts(monkeypatch):
    monkeypatch.setattr(class_shares, "_BLOCK", 8)
    _, shares = divided("ArcFaceLayer", training_strategy(2), CLASSES, 1.0)
    starts, kernels = zip(*shares.blocks(), strict=True)
    assert starts == (0, 8, 16, 21, 29, 37)
    np.testing.assert_array_equal(np.concatenate(kernels, axis=1), shares.kernel)
