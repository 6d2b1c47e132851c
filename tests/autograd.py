"""Gradients of Keras code as NumPy arrays, on whichever backend is running.

The tests of heads, losses and backbones compare these with oracles in NumPy, so that
the same test serves TensorFlow, JAX and PyTorch.
"""

import keras
from keras import ops

BACKEND = keras.backend.backend()


def gradients(function, arrays, layer=None):
    """Value and gradients of a scalar function.

    Args:
        function: Takes as many tensors as there are arrays, returns a scalar tensor.
        arrays: NumPy arrays, float.
        layer: A built layer that the function calls, or None. Its other weights (such
            as counters) keep what the function assigns to them.

    Returns: The value as a NumPy scalar, and a list of NumPy gradients: by each array,
        then by each trainable weight of the layer; zeros where nothing depends on it.
    """
    variables = [] if layer is None else list(layer.trainable_variables)
    others = [] if layer is None else list(layer.non_trainable_variables)
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    backward = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    value, parts = backward(function, tensors, variables, others)
    return ops.convert_to_numpy(value), [ops.convert_to_numpy(part) for part in parts]


def _tensorflow(function, tensors, variables, _others):
    import tensorflow as tf

    sources = [*tensors, *(variable.value for variable in variables)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return value, tape.gradient(value, sources, unconnected_gradients="zero")


def _jax(function, tensors, variables, others):
    import jax

    def stateless(tensors, values):
        mapping = list(zip(variables, values, strict=True))
        mapping += [(variable, variable.value) for variable in others]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            value = function(*tensors)
        return value, [scope.get_current_value(variable) for variable in others]

    values = [variable.value for variable in variables]
    (value, updated), (by_tensors, by_values) = jax.value_and_grad(
        stateless, argnums=(0, 1), has_aux=True
    )(tensors, values)
    for variable, update in zip(others, updated, strict=True):
        variable.assign(update)
    return value, [*by_tensors, *by_values]


def _torch(function, tensors, variables, _others):
    import torch

    tensors = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    value = function(*tensors)
    sources = [*tensors, *(variable.value for variable in variables)]
    if not value.requires_grad:
        return value, [torch.zeros_like(source) for source in sources]
    return value, torch.autograd.grad(
        value, sources, allow_unused=True, materialize_grads=True
    )
