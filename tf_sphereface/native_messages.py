"""Keeps the start-up notes of C++ libraries from burying what the user must read."""

import contextlib
import os
import sys
import tempfile


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


def load_tensorflow() -> None:
    """Imports TensorFlow without its notes on oneDNN and absent GPUs.

    Commands call this before anything that imports TensorFlow by itself.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_held_back():
        import tensorflow as tf

        tf.config.list_physical_devices()
