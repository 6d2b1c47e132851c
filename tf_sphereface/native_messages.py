"""Keeps the start-up notes of C++ libraries from burying what the user must read."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tf_sphereface.errors import InputError


@contextlib.contextmanager
def native_messages_held_back():
    """Holds back what the block writes to file descriptor 2, from C++ or Python.

    It is shown after all if the block fails.
    """
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


_BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}


def load_tensorflow(backends: tuple[str, ...] = ("tensorflow",)) -> None:
    """Imports TensorFlow without its notes on oneDNN and absent GPUs, and Keras.

    Commands call this before anything that imports TensorFlow by itself. A backend in
    the user's keras.json is overruled.

    Args:
        backends: Those of Keras that the caller can work with.

    Raises: InputError if Keras has, or would have, another backend, or cannot start.
    """
    if "keras" in sys.modules:
        backend = sys.modules["keras"].config.backend()
    else:
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
        os.environ["KERAS_BACKEND"] = backend
    if backend not in backends:
        names = " or ".join(_BACKENDS[known] for known in backends)
        raise InputError(
            f"Keras' backend must be {names}. Received: KERAS_BACKEND={backend}; "
            "unset it, or say KERAS_BACKEND=tensorflow"
        )
    if not {"keras", "tensorflow"} <= sys.modules.keys():
        _load_both()


_keras_defaults = False


def use_keras_defaults() -> None:
    """Lets `load_tensorflow` give Keras its own defaults in place of a keras.json.

    For programs that are ours from the start: precision, epsilon and the order of axes
    in that file are for the user's scripts, whose settings are left alone.
    """
    global _keras_defaults
    _keras_defaults = "keras" not in sys.modules


def _load_both():
    fresh, refusal = "keras" not in sys.modules, None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_held_back():
        try:
            import tensorflow as tf  # which may load Keras by itself

            tf.config.list_physical_devices()
            import keras
        except (AssertionError, AttributeError, ImportError, ValueError) as error:
            if not _keras_json().is_file():  # nothing there that could be at fault
                raise
            refusal = error
    if refusal is not None:
        told = " ".join(str(refusal).split()) or type(refusal).__name__
        raise InputError(
            f"Keras cannot be loaded: {told}; look at its settings, or delete them: "
            f"{_keras_json()}"
        ) from refusal
    if fresh and _keras_defaults:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.config.set_epsilon(1e-7)
        keras.config.set_image_data_format("channels_last")


def _keras_json():
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
