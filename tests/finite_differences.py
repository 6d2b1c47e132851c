"""Gradients of NumPy functions by finite differences."""

import numpy as np


def central_differences(function, values, step=1e-6):
    """Gradient of a scalar NumPy function by central differences."""
    gradient = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        shifted = values.copy()
        shifted[index] += step
        above = function(shifted)
        shifted[index] -= 2 * step
        gradient[index] = (above - function(shifted)) / (2 * step)
    return gradient
