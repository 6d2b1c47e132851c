"""Tests for tf_sphereface.heads.a_softmax."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.autograd import gradients
from tf_sphereface.heads import ASoftmaxLayer, InverseDecayAnnealing


def psi(theta, margin):
    """The paper's formula in NumPy float64: an oracle sharing no code with the head."""
    k = np.minimum(np.floor(margin * theta / np.pi), margin - 1)
    return (-1.0) ** k * np.cos(margin * theta) - 2 * k


def oracle_logits(embeddings, kernel, labels, margin, lambda_):
    """Logits of a batch, one number at a time."""
    logits = np.empty((len(embeddings), kernel.shape[1]))
    for row, embedding in enumerate(embeddings):
        norm = np.linalg.norm(embedding)
        for column in range(kernel.shape[1]):
            weight = kernel[:, column]
            cos = embedding @ weight / norm / np.linalg.norm(weight)
            logits[row, column] = norm * cos
            if column == labels[row]:
                theta = np.arccos(np.clip(cos, -1, 1))
                logits[row, column] = (
                    norm * (psi(theta, margin) + lambda_ * cos) / (1 + lambda_)
                )
    return logits


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_psi_matches_the_paper_and_falls_monotonically(margin):
    theta = np.linspace(0.0, np.pi, 721)  # radians; hits every sector edge k*pi/m
    head = ASoftmaxLayer(num_classes=5, margin=margin, dtype="float64")
    actual = ops.convert_to_numpy(head.psi(ops.convert_to_tensor(np.cos(theta))))
    np.testing.assert_allclose(actual, psi(theta, margin), atol=1e-12)
    assert (np.diff(actual) < 0).all()


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_logits_with_labels_match_the_oracle(margin):
    rng = np.random.default_rng(3)
    embeddings, labels = rng.normal(size=(6, 7)), np.array([0, 4, 2, 2, 1, 3])
    annealing = InverseDecayAnnealing(base=20.0, gamma=0.0, minimum=5.0)
    head = ASoftmaxLayer(5, margin=margin, annealing=annealing, dtype="float64")
    head.build((None, 7))
    head.kernel.assign(3.0 * rng.normal(size=(7, 5)))
    lambda_ = 0.0 if margin == 1 else 20.0
    expected = oracle_logits(
        embeddings, head.kernel.numpy(), labels, margin, lambda_=lambda_
    )
    actual = ops.convert_to_numpy(head(embeddings, labels))
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


# Degrees of a target in every sector of m: edges are multiples of 180 / m.
SECTORS = {
    1: [10, 50, 80, 100, 130, 170],
    2: [10, 50, 80, 100, 130, 170],
    3: [10, 50, 80, 100, 130, 170],
    4: [10, 50, 80, 100, 130, 170],
    5: [20, 50, 90, 120, 160, 100],
}


@pytest.mark.parametrize("margin", SECTORS)
@pytest.mark.parametrize("lambda_", [0.0, 5.0])
@pytest.mark.parametrize("scale", [None, 8.0])
def test_gradients_in_every_sector_match_the_oracle(
    check_oracle, batch, place, margin, lambda_, scale
):
    embeddings, labels = batch
    degrees = SECTORS[margin]
    sectors = {int(margin * angle / 180) for angle in degrees}
    assert sectors == set(range(margin))
    annealing = InverseDecayAnnealing(lambda_, gamma=0.0, minimum=0.0)
    head = ASoftmaxLayer(5, margin, annealing, scale=scale, dtype="float64")
    place(head, embeddings, labels, degrees)
    weight = 0.0 if margin == 1 else lambda_

    def logits(x, kernel):
        if scale is not None:
            x = scale * x / np.linalg.norm(x, axis=1, keepdims=True)
        return oracle_logits(x, kernel, labels, margin, weight)

    check_oracle(head, embeddings, labels, logits=logits)


def test_logits_without_labels_have_no_margin():
    rng = np.random.default_rng(4)
    embeddings = rng.normal(size=(6, 7))
    head = ASoftmaxLayer(5, annealing=None, dtype="float64")
    head.build((None, 7))
    kernel = head.kernel.numpy()
    expected = embeddings @ (kernel / np.linalg.norm(kernel, axis=0))
    actual = ops.convert_to_numpy(head(embeddings))
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_scale_replaces_the_norm_of_the_embedding():
    rng = np.random.default_rng(5)
    embeddings, labels = rng.normal(size=(4, 7)), np.array([0, 1, 2, 0])
    head = ASoftmaxLayer(3, annealing=None, scale=16.0, dtype="float64")
    head.build((None, 7))
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    expected = 16 * oracle_logits(unit, head.kernel.numpy(), labels, 4, lambda_=0.0)
    actual = ops.convert_to_numpy(head(embeddings, labels))
    np.testing.assert_allclose(actual, expected, atol=1e-11)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_gradient_at_theta_0_and_pi_is_finite_and_m_squared(direction):
    head = ASoftmaxLayer(num_classes=5, margin=4)
    _, (slope,) = gradients(lambda cos: ops.sum(head.psi(cos)), [np.array([direction])])
    np.testing.assert_allclose(slope, [16.0], rtol=1e-12)


def test_zero_embedding_has_a_finite_gradient():
    head, labels = ASoftmaxLayer(num_classes=5), np.array([1])
    head.build((None, 8))
    _, parts = gradients(
        lambda values: ops.sum(head(values, labels)),
        [np.zeros((1, 8), np.float32)],
        head,
    )
    for part in parts:
        assert np.isfinite(part).all()


def test_loss_is_cross_entropy_of_the_margin_logits():
    rng = np.random.default_rng(6)
    embeddings, labels = rng.normal(size=(6, 7)), np.array([0, 4, 2, 2, 1, 3])
    head = ASoftmaxLayer(5, annealing=None, dtype="float64")
    losses = head.sample_losses(head(embeddings, parts=True), labels)
    losses = ops.convert_to_numpy(losses)
    logits = oracle_logits(embeddings, head.kernel.numpy(), labels, 4, lambda_=0.0)
    logits -= logits.max(axis=1, keepdims=True)
    expected = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), labels]
    np.testing.assert_allclose(losses, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("iteration", "expected"), [(100, 1000 / 13), (1000, 1000 / 121), (1660, 5.0)]
)
def test_annealing_follows_the_release(iteration, expected):
    actual = float(InverseDecayAnnealing()(iteration))
    assert actual == pytest.approx(expected, rel=1e-6)


def test_counter_advances_in_training_only():
    head, embeddings = ASoftmaxLayer(5), np.ones((2, 8), np.float32)
    labels = np.array([0, 1])
    for _ in range(3):
        head(embeddings, labels, training=True)
        head(embeddings, labels, training=False)
        head(embeddings)
    assert int(head.iteration) == 3
    assert float(head.annealing_lambda()) == pytest.approx(1000 / 1.36, rel=1e-6)


def test_margin_1_has_no_lambda():
    head = ASoftmaxLayer(5, margin=1)
    head.build((None, 8))
    assert float(head.annealing_lambda()) == 0.0


def test_config_round_trip_keeps_every_argument():
    head = ASoftmaxLayer(
        5, margin=3, annealing=InverseDecayAnnealing(7, 0.5, 2, 1), scale=16.0
    )
    copy = ASoftmaxLayer.from_config(head.get_config())
    assert (copy.num_classes, copy.margin, copy.scale) == (5, 3, 16.0)
    annealing = copy.annealing
    assert (annealing.base, annealing.gamma) == (7.0, 0.5)
    assert (annealing.power, annealing.minimum) == (2.0, 1.0)


def test_annealing_none_survives_the_config():
    copy = ASoftmaxLayer.from_config(ASoftmaxLayer(5, annealing=None).get_config())
    assert copy.annealing is None


def test_works_alone_as_the_last_layer_of_anyones_keras_model():
    rng = np.random.default_rng(8)
    centres = rng.normal(size=(4, 16))
    labels = rng.integers(0, 4, 256)
    points = centres[labels] + 0.1 * rng.normal(size=(256, 16))
    points = points.astype("float32")
    keras.utils.set_random_seed(2)
    head = ASoftmaxLayer(4, annealing=InverseDecayAnnealing(base=5.0))
    inputs, targets = keras.Input((16,)), keras.Input((), dtype="int32")
    embeddings = keras.layers.Dense(8)(inputs)
    training = keras.Model([inputs, targets], head(embeddings, targets))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    training.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
    training.fit([points, labels], labels, batch_size=256, epochs=10, verbose=0)
    assert int(head.iteration) == 10
    logits = keras.Model(inputs, head(embeddings)).predict(points, verbose=0)
    assert (np.argmax(logits, axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize("margin", [0, -1, 2.5, "4", True])
def test_bad_margin_is_named_in_the_error(margin):
    with pytest.raises(ValueError, match=f"`margin` .* margin={margin!r}"):
        ASoftmaxLayer(num_classes=5, margin=margin)


@pytest.mark.parametrize("num_classes", [1, 0, 2.0, True])
def test_bad_number_of_classes_is_named_in_the_error(num_classes):
    with pytest.raises(ValueError, match="`num_classes` must be"):
        ASoftmaxLayer(num_classes)


def test_unknown_annealing_is_named_in_the_error():
    with pytest.raises(ValueError, match="`annealing` must be .* annealing='slow'"):
        ASoftmaxLayer(5, annealing="slow")
