"""Tests for tf_sphereface.rescaling_layers."""

import keras
import numpy as np
import pytest
from keras import layers

from tf_sphereface.rescaling_layers import rescaling_layer


def network(first):
    images = keras.Input((8, 8, 3))
    return keras.Model(images, layers.Dense(4)(layers.Flatten()(first(images))))


def mirrored_sum():
    core, images = network(lambda images: images / 255), keras.Input((8, 8, 3))
    return keras.Model(images, core(images) + core(images[:, :, ::-1]))


def batch_norm(images):
    """As converters from other libraries write the subtraction of a mean."""
    layer = layers.BatchNormalization()
    outputs = layer(images)
    layer.set_weights([np.ones(3), np.zeros(3), np.full(3, 127.0), np.full(3, 3e3)])
    return outputs


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.rescaling = layers.Rescaling(1 / 255)
        self.dense = layers.Dense(4)

    def call(self, images):
        return self.dense(layers.Flatten()(self.rescaling(images)))


RESCALING = {
    "layer": lambda: network(layers.Rescaling(1 / 127.5, offset=-1)),
    "operators": lambda: network(lambda x: (x[..., ::-1] - 127.5) * 0.0078125),
    "statistics": lambda: network(
        layers.Normalization(mean=[123.0, 116, 103], variance=[3e3, 3e3, 3e3])
    ),
    "batch norm": lambda: network(batch_norm),
    "after a flip": lambda: network(
        lambda x: layers.Rescaling(1 / 255)(layers.RandomFlip("horizontal")(x))
    ),
    "inner model twice": mirrored_sum,
    "sequential": lambda: keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Flatten()]
    ),
    "subclass": Subclass,
}
OTHERS = {
    "small changes": lambda: network(lambda x: x * 0.5 + 0.5),
    "to pixels and back": lambda: network(lambda x: x * 128 + 127.5),
    "convolution": lambda: network(layers.Conv2D(3, 3, padding="same")),
    "fresh batch norm": lambda: network(layers.BatchNormalization()),
}


@pytest.mark.parametrize("kind", RESCALING)
def test_a_first_layer_that_rescales_pixels_is_named(kind):
    assert isinstance(rescaling_layer(RESCALING[kind]()), str)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_first_layers_are_not(kind):
    assert rescaling_layer(OTHERS[kind]()) is None
