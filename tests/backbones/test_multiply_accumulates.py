"""Tests for tf_sphereface.backbones.multiply_accumulates."""

import keras
import pytest
from keras import layers

from tf_sphereface.backbones import multiply_accumulates


def network(*parts, shape=(8, 6, 4)):
    inputs = outputs = keras.Input(shape)
    for part in parts:
        outputs = part(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (layers.Conv2D(5, 3, padding="same"), 8 * 6 * 9 * 4 * 5),
        (layers.Conv2D(5, 3, strides=2), 3 * 2 * 9 * 4 * 5),
        (layers.Conv2D(6, 1, groups=2), 8 * 6 * 2 * 6),
        (layers.DepthwiseConv2D(3, padding="same"), 8 * 6 * 9 * 4),
        (layers.DepthwiseConv2D((8, 6), depth_multiplier=2), 8 * 6 * 4 * 2),
        (layers.Dense(7), 8 * 6 * 4 * 7),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(), 0),
    ],
)
def test_products_are_counted_by_hand(part, count):
    assert multiply_accumulates(network(part)) == count


def test_networks_within_networks_are_counted():
    inner = network(layers.Flatten(), layers.Dense(3))
    assert multiply_accumulates(network(inner, layers.Dense(2))) == 192 * 3 + 3 * 2


def test_a_layer_of_another_kind_is_named():
    with pytest.raises(
        ValueError, match="`model` must have .* 'up' of Conv2DTranspose"
    ):
        multiply_accumulates(network(layers.Conv2DTranspose(2, 3, name="up")))
