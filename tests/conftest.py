"""Set-up of the tests for each backend, and choice of those for TensorFlow alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

pytest_plugins = ["tests.dead_workers", "tests.quick_cases"]

TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
if not TENSORFLOW:
    collect_ignore_glob = ["*_tensorflow.py"]


def pytest_configure(config):
    if config.getoption("tx", None):
        return  # the controller of pytest-xdist's workers runs no test
    if TENSORFLOW:
        make_two_devices()
        config.pluginmanager.import_plugin("tests.exported_bundles")
    else:
        compute_float64()


def make_two_devices():
    import tensorflow as tf

    # So that distributed training is tested on any machine.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


def compute_float64():
    from keras.src.backend.common import dtypes

    # Keras computes float64 in float32 on JAX and PyTorch. Rounding would hide errors
    # of the size that the oracles look for, so that the tests turn this off.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
