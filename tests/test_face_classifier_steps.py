"""FaceClassifier.fit against SGD by hand in NumPy: weights, states, loss, accuracy."""

import keras
import numpy as np
import pytest

from tests.finite_differences import central_differences
from tf_sphereface import FaceClassifier, heads

# Rate and momentum are exact in float32, which optimizers keep their rate in.
RATE, MOMENTUM, SCALE, BATCH, STEPS = 0.125, 0.875, 4.0, 4, 5


@pytest.fixture(autouse=True)
def double_precision():
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def cosines_and_norms(embeddings, kernel):
    norms = np.linalg.norm(embeddings, axis=1)
    return embeddings @ kernel / norms[:, None] / np.linalg.norm(kernel, axis=0), norms


class ASoftmaxByHand:
    """psi for m = 2, lambda = 4 / (1 + step): the step counts itself."""

    def __init__(self):
        self.step = 0

    def observe(self, cosines, norms, labels):
        self.step += 1

    def logits(self, cosines, norms, labels):
        logits, weight = norms[:, None] * cosines, 4 / (1 + self.step)
        for row, label in enumerate(labels):
            cos = cosines[row, label]
            psi = 2 * cos**2 - 1 if cos > 0 else -(2 * cos**2 - 1) - 2
            logits[row, label] = norms[row] * (psi + weight * cos) / (1 + weight)
        return logits

    def states(self):
        return {"iteration": self.step}


class CurricularFaceByHand:
    """Margin 0.5, share 0.2 of the batch in the running mean of target cosines."""

    def __init__(self):
        self.hardness = 0.0

    def observe(self, cosines, norms, labels):
        mean = np.mean(cosines[np.arange(BATCH), labels])
        self.hardness = 0.2 * mean + 0.8 * self.hardness

    def logits(self, cosines, norms, labels):
        logits = cosines.copy()
        for row, label in enumerate(labels):
            theta = np.arccos(cosines[row, label])
            hard = cosines[row] > np.cos(theta + 0.5)
            logits[row, hard] *= self.hardness + cosines[row, hard]
            logits[row, label] = np.cos(theta + 0.5)
            if theta + 0.5 > np.pi:
                logits[row, label] = np.cos(theta) - 0.5 * np.sin(0.5)
        return SCALE * logits

    def states(self):
        return {"hardness": self.hardness}


class AdaFaceByHand:
    """Margin 0.4, concentration 0.333, share 0.2 of the batch in the statistics."""

    def __init__(self):
        self.mean, self.deviation, self.quality = 20.0, 100.0, None

    def observe(self, cosines, norms, labels):
        self.mean = 0.2 * np.mean(norms) + 0.8 * self.mean
        self.deviation = 0.2 * np.std(norms, ddof=1) + 0.8 * self.deviation
        offset = (norms - self.mean) / (self.deviation + 1e-3)
        # Kept: the quality has no gradient.
        self.quality = np.clip(0.333 * offset, -1, 1)

    def logits(self, cosines, norms, labels):
        logits = cosines.copy()
        for row, label in enumerate(labels):
            quality = self.quality[row]
            theta = np.arccos(cosines[row, label]) - 0.4 * quality
            theta = np.clip(theta, 1e-3, np.pi - 1e-3)
            logits[row, label] = np.cos(theta) - 0.4 * (1 + quality)
        return SCALE * logits

    def states(self):
        return {"norm_mean": self.mean, "norm_deviation": self.deviation}


def train_by_hand(by_hand, weights, images, labels):
    """Weights after one epoch, its mean loss and the accuracy of plain cosines."""
    weights = [weight.copy() for weight in weights]
    velocities = [np.zeros_like(weight) for weight in weights]
    losses, right = [], []
    for start in range(0, len(images), BATCH):
        x, y = images[start : start + BATCH], labels[start : start + BATCH]

        def parts(dense, bias, kernel, x=x):
            return cosines_and_norms(x @ dense + bias, kernel)

        def loss(*weights, y=y, parts=parts):
            logits = by_hand.logits(*parts(*weights), y)
            return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(BATCH), y])

        cosines, norms = parts(*weights)
        by_hand.observe(cosines, norms, y)
        losses.append(loss(*weights))
        right.extend(cosines.argmax(1) == y)
        slopes = [
            central_differences(
                lambda w, n=n: loss(*weights[:n], w, *weights[n + 1 :]), weights[n]
            )
            for n in range(3)
        ]
        for n, slope in enumerate(slopes):
            velocities[n] = MOMENTUM * velocities[n] - RATE * slope
            weights[n] = weights[n] + velocities[n]
    return weights, np.mean(losses), np.mean(right)


def annealing(unit):
    gamma = 1.0 if unit == "iterations" else 1.0 / BATCH
    return heads.InverseDecayAnnealing(4.0, gamma, minimum=0.0, unit=unit)


CASES = {
    "iterations": (
        ASoftmaxByHand,
        lambda: heads.ASoftmaxLayer(3, 2, annealing("iterations")),
    ),
    "images": (ASoftmaxByHand, lambda: heads.ASoftmaxLayer(3, 2, annealing("images"))),
    "curricularface": (
        CurricularFaceByHand,
        lambda: heads.CurricularFaceLayer(3, 0.5, SCALE, 0.2),
    ),
    "adaface": (
        AdaFaceByHand,
        lambda: heads.AdaFaceLayer(3, 0.4, 0.333, 0.2, SCALE),
    ),
}


@pytest.mark.quick_cases("iterations", "adaface")
@pytest.mark.parametrize("case", CASES)
def test_five_steps_of_fit_are_sgd_by_hand(case):
    hand_class, make_head = CASES[case]
    rng = np.random.default_rng(4)
    images = rng.normal(size=(STEPS * BATCH, 5))
    labels = rng.integers(0, 3, STEPS * BATCH)
    backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    classifier = FaceClassifier(backbone, make_head())
    weights = [rng.normal(size=w.shape) for w in classifier.trainable_weights]
    for variable, weight in zip(classifier.trainable_weights, weights, strict=True):
        variable.assign(weight)
    by_hand = hand_class()
    expected, loss, accuracy = train_by_hand(by_hand, weights, images, labels)
    optimizer = keras.optimizers.SGD(RATE, MOMENTUM)
    classifier.compile(optimizer, metrics=["accuracy"], jit_compile=False)
    history = classifier.fit(
        images, labels, batch_size=BATCH, shuffle=False, verbose=0
    ).history
    for variable, start, end in zip(
        classifier.trainable_weights, weights, expected, strict=True
    ):
        assert np.abs(end - start).max() > 0.01
        np.testing.assert_allclose(variable.numpy(), end, rtol=1e-7, atol=1e-9)
    assert int(classifier.head.iteration) == STEPS
    for name, value in by_hand.states().items():
        assert float(getattr(classifier.head, name)) == pytest.approx(value, rel=1e-8)
    # Keras averages losses and hits in float32 on some backends.
    assert history["loss"][0] == pytest.approx(loss, rel=1e-6)
    assert history["accuracy"][0] == pytest.approx(accuracy, rel=1e-6)
