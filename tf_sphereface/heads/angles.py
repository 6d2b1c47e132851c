"""Trigonometry of margin heads, and margins that have no gradient of their own.

Gradients are finite at theta = 0 and theta = pi.
"""

import math

import keras
from keras import ops

# Below this the square of a sine counts as this much: the gradient of its root is
# infinite at theta = 0 and pi.
SQUARED_SINE_FLOOR = 1e-10


def sine(cos_theta):
    """sin(theta) in (0, 1] from cos(theta), theta in 0..pi radians; any shape."""
    squared = (1.0 - cos_theta) * (1.0 + cos_theta)
    return ops.sqrt(ops.maximum(squared, SQUARED_SINE_FLOOR))


def angle(cos_theta):
    """theta in 0..pi radians from cos(theta), any shape.

    The gradient is 0 where the cosine is 1 or -1 to the last digit, in place of the
    infinite one of arccos.
    """
    double = keras.backend.standardize_dtype(cos_theta.dtype) == "float64"
    # Keras' PyTorch backend would take a plain number as float32, where it is 1.
    edge = ops.convert_to_tensor(1.0 - (1e-15 if double else 1e-7), cos_theta.dtype)
    return ops.arccos(ops.clip(cos_theta, -edge, edge))


def cosine_of_sum(cos_theta, margin):
    """cos(theta + margin) from cos(theta), any shape; margin in radians."""
    return cos_theta * ops.cos(margin) - sine(cos_theta) * ops.sin(margin)


def arc_margin(cos_theta, margin):
    """The target cosine of ArcFace: cos(theta + margin), falling for every theta.

    Where theta + margin exceeds pi it is cos(theta) - margin sin(margin).

    Args:
        cos_theta: Float, any shape.
        margin: Radians in [0, pi/2]: number, or tensor that broadcasts.
    """
    margin = ops.convert_to_tensor(margin, dtype=cos_theta.dtype)
    return ops.where(
        cos_theta > ops.cos(math.pi - margin),
        cosine_of_sum(cos_theta, margin),
        cos_theta - margin * ops.sin(margin),
    )


def detached(cos_theta, changed):
    """The value of `changed` with the gradient of `cos_theta`."""
    return cos_theta + ops.stop_gradient(changed - cos_theta)
