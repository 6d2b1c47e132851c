"""A small classifier and images for it, for the tests of FaceClassifier."""

import keras
import numpy as np

from tf_sphereface import ASoftmaxLayer, FaceClassifier, InverseDecayAnnealing


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


def compiled(margin=4, annealing=None, rate=0.05, jit_compile=False):
    """A classifier ready to train; XLA takes longer to compile than the tests train."""
    keras.utils.set_random_seed(1)
    annealing = annealing or InverseDecayAnnealing(base=10.0, gamma=0.1, minimum=1.0)
    head = ASoftmaxLayer(4, margin=margin, annealing=annealing)
    classifier = FaceClassifier(small_backbone(), head)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    classifier.compile(optimizer, metrics=["accuracy"], jit_compile=jit_compile)
    return classifier
