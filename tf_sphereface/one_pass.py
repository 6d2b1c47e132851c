"""Elementwise work in one pass over memory, on TensorFlow's CPU."""

import functools
from collections.abc import Callable

import keras


def in_one_pass(function: Callable) -> Callable:
    """The function, compiled by XLA where `compiles` says so; a decorator.

    TensorFlow runs each operator of a formula as a pass over its tensors, which costs
    more than the arithmetic. For elementwise formulas only: XLA's convolutions on a
    CPU are slow.

    Args:
        function: Of tensors to tensors, without variables.
    """
    compiled = None

    @functools.wraps(function)
    def call(*tensors):
        nonlocal compiled
        if not compiles():
            return function(*tensors)
        if compiled is None:
            import tensorflow as tf

            compiled = tf.function(function, autograph=False, jit_compile=True)
        # Called itself, it warns of the many shapes in a network.
        return compiled.get_concrete_function(*tensors)(*tensors)

    return call


@functools.cache
def compiles() -> bool:
    """True if the backend is TensorFlow and no accelerator is there.

    XLA needs more of a GPU's libraries than TensorFlow itself does.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return all(
        device.device_type == "CPU" for device in tf.config.list_physical_devices()
    )
