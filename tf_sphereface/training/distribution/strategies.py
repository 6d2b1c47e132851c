"""The distribution strategy of a training: on one device, several, or machines."""

import contextlib

import keras
import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from tf_sphereface.errors import InputError
from tf_sphereface.training.distribution.cluster import Cluster
from tf_sphereface.training.distribution.jax_devices import data_parallel, divided_among

_HEARTBEAT = 20  # seconds without one after which a worker counts as lost


def training_strategy(devices: int | None = None) -> tf.distribute.Strategy:
    """MirroredStrategy over several devices, the default strategy over one.

    Args:
        devices: How many GPUs to use; None: all. On a machine without GPUs, as many
            logical CPUs, which is for trying distribution out, not for speed.

    On Keras' JAX backend it is the default strategy, and JAX divides the batches.

    Raises: InputError if there are fewer GPUs, or TensorFlow has already started with
        another number of logical CPUs.
    """
    if keras.backend.backend() == "jax":
        _at_least_one(devices)
        with contextlib.suppress(RuntimeError):  # JAX needs their memory
            tf.config.set_visible_devices([], "GPU")
        data_parallel(devices)
        return tf.distribute.get_strategy()
    gpus = _gpus(devices)
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


def cluster_strategy(
    cluster: Cluster, devices: int | None = None, seconds: float = 300
) -> tf.distribute.Strategy:
    """MultiWorkerMirroredStrategy of the workers of TF_CONFIG.

    Nothing of TensorFlow may have run before in this process, which stays in the
    cluster to its end.

    Args:
        cluster: As TF_CONFIG says.
        devices: How many of the GPUs of this machine to use; None: all.
        seconds: For how long the other workers are waited for.

    Raises: InputError if a worker does not come, or TensorFlow has already started.
    """
    try:
        gpus = tf.config.list_physical_devices("GPU")
        tf.config.set_visible_devices(gpus[:devices], "GPU")
        _bound_waiting(cluster, seconds)
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        reason = f"not all of them came within {seconds:g} s"
        if not isinstance(error, tf.errors.DeadlineExceededError):
            reason = error.message.partition("\n")[0]
        raise InputError(
            f"{cluster.name(cluster.index)} cannot join the {len(cluster.tasks)} "
            f"workers of TF_CONFIG: {reason}"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"the workers of TF_CONFIG must be joined before TensorFlow starts: {error}"
        ) from error


def devices_of_worker(devices: int | None) -> int:
    """Number of devices of this machine that `cluster_strategy` uses.

    Raises: InputError if there are fewer than are asked for.
    """
    gpus = _gpus(devices)
    if not gpus and devices is not None and devices > 1:
        raise InputError(
            f"--devices {devices}: a worker without GPUs has one device; start more "
            "workers"
        )
    return len(gpus[:devices]) or 1


def _bound_waiting(cluster, seconds):
    """TensorFlow alone would wait an hour, and has no public name for this."""
    jobs = {job: number + 1 for job, number in cluster.tasks}
    leader, _ = cluster.tasks[0]
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{leader}/replica:0/task:0",
        cluster_register_timeout_in_ms=round(seconds * 1000),
        heartbeat_timeout_in_ms=_HEARTBEAT * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=job, num_tasks=count)
            for job, count in jobs.items()
        ],
    )
    # Otherwise the workers that have come wait an hour for one that has ended since.
    context.context().coordination_service.cluster_register_with_barrier = True


def replica_count(strategy: tf.distribute.Strategy) -> int:
    """Number of devices that share a batch, those of JAX too."""
    if keras.backend.backend() == "jax":
        return divided_among()
    return strategy.num_replicas_in_sync


def _at_least_one(devices):
    if devices is not None and devices < 1:
        raise InputError(f"--devices must be at least 1. Received: {devices}")


def _gpus(devices):
    """The machine's GPUs; an InputError if there are fewer than asked for."""
    _at_least_one(devices)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and devices is not None and devices > len(gpus):
        raise InputError(f"--devices {devices}: this machine has {len(gpus)} GPUs")
    return gpus


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
