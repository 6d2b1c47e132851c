"""Several devices under Keras' JAX backend, which divides the batches among them."""

import keras

from tf_sphereface.errors import InputError


def data_parallel(devices: int | None) -> int:
    """Lets Keras divide each batch among JAX's devices; weights are on all of them.

    It holds for models that are made from now on in this process.

    Args:
        devices: How many; None: all accelerators, or one CPU.

    Returns: How many there are to be.
    Raises: InputError if JAX has fewer.
    """
    known = keras.distribution.list_devices()
    on_cpu = known[0].startswith("cpu")
    if devices is None:
        devices = 1 if on_cpu else len(known)
    if devices > len(known):
        more = (
            "; XLA_FLAGS=--xla_force_host_platform_device_count="
            f"{devices} makes as many of a CPU"
        )
        raise InputError(
            f"--devices {devices}: JAX has {len(known)}{more if on_cpu else ''}"
        )
    several = keras.distribution.DataParallel(devices=known[:devices])
    keras.distribution.set_distribution(several if devices > 1 else None)
    return devices


def divided_among() -> int:
    """Number of devices that `data_parallel` has chosen."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.device_mesh.devices.size
