"""TensorFlow's deterministic operators, for the time of a training."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.framework import config as tf_config


@contextlib.contextmanager
def deterministic_operators(wanted: bool) -> Iterator[None]:
    """Lets operators give the same bits each time, where that is wanted; slower.

    Afterwards all is as before: a program that trains may go on with other work.
    """
    if not wanted or tf_config.is_op_determinism_enabled():
        yield
        return
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        # Not among TensorFlow's public names.
        tf_config.disable_op_determinism()
