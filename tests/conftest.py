"""What a backend's tests need; which tests are TensorFlow's alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    import tensorflow as tf  # noqa: E402 - the log level is read at import

    pytest_plugins = ["tests.exported_bundles"]

    # So that distributed training is tested on any machine.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
else:
    from keras.src.backend.common import dtypes

    # Keras computes float64 in float32 on JAX and PyTorch. Rounding would hide errors
    # of the size that the oracles look for, so that the tests turn this off.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    collect_ignore_glob = ["*_tensorflow.py"]
