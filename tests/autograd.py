"""Gradients of Keras functions on the backend that is in use."""

import keras
import numpy as np


def gradients(function, arrays):
    """Value of a function, and its gradients.

    Args:
        function: Of Keras tensors, one for each array; returns a scalar.
        arrays: NumPy arrays of floats.

    Returns: The value as a NumPy scalar, and a list of NumPy arrays of the shapes of
        `arrays`; zeros where the function does not depend on one.
    """
    backend = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return backend[keras.backend.backend()](function, arrays)


def _tensorflow(function, arrays):
    import tensorflow as tf

    variables = [tf.Variable(array) for array in arrays]
    with tf.GradientTape() as tape:
        value = function(*(tf.convert_to_tensor(variable) for variable in variables))
    parts = tape.gradient(value, variables, unconnected_gradients="zero")
    return value.numpy(), [part.numpy() for part in parts]


def _jax(function, arrays):
    import jax

    double = any(array.dtype == np.float64 for array in arrays)
    with jax.enable_x64(double):
        value, parts = jax.value_and_grad(
            lambda *tensors: function(*tensors), argnums=tuple(range(len(arrays)))
        )(*(jax.numpy.asarray(array) for array in arrays))
        return np.asarray(value), [np.asarray(part) for part in parts]


def _torch(function, arrays):
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    value = function(*tensors)
    if value.requires_grad:
        value.backward()
    parts = [
        torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        for tensor in tensors
    ]
    return value.detach().numpy(), [part.numpy() for part in parts]
