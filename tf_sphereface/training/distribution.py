"""The distribution strategy of a training."""

import contextlib

import tensorflow as tf

from tf_sphereface.errors import InputError


def training_strategy(devices: int | None = None) -> tf.distribute.Strategy:
    """MirroredStrategy over several devices, the default strategy over one.

    Args:
        devices: How many GPUs to use; None: all. On a machine without GPUs, as many
            logical CPUs, which is for trying distribution out, not for speed.

    Raises: InputError if there are fewer GPUs, or TensorFlow has already started with
        another number of logical CPUs.
    """
    if devices is not None and devices < 1:
        raise InputError(f"--devices must be at least 1. Received: {devices}")
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and devices is not None and devices > len(gpus):
        raise InputError(f"--devices {devices}: this machine has {len(gpus)} GPUs")
    count = len(gpus) if devices is None else devices
    if count <= 1:
        return tf.distribute.get_strategy()
    if gpus:
        return tf.distribute.MirroredStrategy(
            [f"GPU:{index}" for index in range(count)]
        )
    # TensorFlow's collectives deadlock or mix up tensors on logical CPUs when a process
    # has made more than one strategy.
    return tf.distribute.MirroredStrategy(
        _logical_cpus(count), cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def _logical_cpus(count: int) -> list[str]:
    cpu = tf.config.list_physical_devices("CPU")[0]
    # After TensorFlow has started its devices are fixed; the check below then tells.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )
    if len(tf.config.list_logical_devices("CPU")) < count:
        raise InputError(
            f"--devices {count}: TensorFlow has already started with fewer devices"
        )
    return [f"CPU:{index}" for index in range(count)]
