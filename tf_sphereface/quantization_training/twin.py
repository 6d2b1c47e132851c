"""The same network in tf-keras, the Keras 2 that tensorflow-model-optimization takes.

Only the process that trains imports this module: see `process.py`.
"""

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from tf_sphereface.quantization_training.plan import NetworkPlan

_FACES = 8
MOST_ERROR = 1e-5


class L2Pooling2D(tf_keras.layers.Layer):
    """The twin of `backbones.l2_pooling.L2Pooling2D`."""

    def call(self, inputs):
        padded = tf.pad(tf.square(inputs), ((0, 0), (1, 1), (1, 1), (0, 0)))
        sums = 9 * tf.nn.avg_pool2d(padded, 3, strides=1, padding="VALID")
        return tf.sqrt(tf.maximum(sums, 1e-30))


class RectifiedLinear(tf_keras.layers.ReLU):
    """ReLU under a name of its own.

    Where tensorflow-model-optimization finds a layer and "ReLU", it puts a config that
    rounds nothing in the place of the layer's own, kernel and all.
    """


class NamedActivation(tf_keras.layers.Activation):
    """Activation under a name of its own, as `RectifiedLinear`."""


_OWN = {
    "Activation": NamedActivation,
    "L2Pooling2D": L2Pooling2D,
    "ReLU": RectifiedLinear,
}


def build_twin(plan: NetworkPlan) -> tf_keras.Model:
    """The network of a plan, layer by layer, with its names and weights."""
    inputs = tf_keras.Input(plan.input_shape, name=plan.input_name)
    outputs = {plan.input_name: inputs}
    for layer in plan.layers:
        kind = _OWN.get(layer.kind) or getattr(tf_keras.layers, layer.kind)
        twin = kind(name=layer.name, **layer.arguments)
        tensors = [outputs[name] for name in layer.inputs]
        outputs[layer.name] = twin(tensors[0] if len(tensors) == 1 else tensors)
        twin.set_weights(list(layer.weights))
    return tf_keras.Model(inputs, outputs[plan.output])


def check_twin(backbone: keras.Model, twin: tf_keras.Model, seed: int = 0) -> float:
    """Compares the embeddings of both for random images.

    Returns: The largest |difference| over the largest |embedding|.
    Raises: RuntimeError if it is above 1e-5: the twin is another network.
    """
    rng = np.random.default_rng(seed)
    shape = (_FACES, *backbone.input_shape[1:])
    images = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
    expected = np.asarray(backbone(images, training=False), np.float64)
    actual = np.asarray(twin(images, training=False), np.float64)
    error = float(np.abs(actual - expected).max() / np.abs(expected).max())
    if not error <= MOST_ERROR:
        raise RuntimeError(
            f"the twin of {backbone.name} gives other embeddings: relative error "
            f"{error:.1e}, at most {MOST_ERROR:.0e} is allowed"
        )
    return error
