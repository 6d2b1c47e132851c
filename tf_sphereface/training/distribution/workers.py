"""The processes that train together: one alone, or those of TF_CONFIG."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from tf_sphereface.data.batches.shares import Share
from tf_sphereface.errors import InputError
from tf_sphereface.training.distribution.cluster import Cluster, read_cluster
from tf_sphereface.training.distribution.rendezvous import meet
from tf_sphereface.training.distribution.strategies import (
    cluster_strategy,
    devices_of_worker,
    training_strategy,
)

WAIT_SECONDS = 300.0
_JOINING = 60.0  # seconds, at most: all have come, and TensorFlow starts
_JOINED: dict[Cluster, "Workers"] = {}  # a process can join one, and only once
_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
# TensorFlow puts words of several kinds around what it was told.
_OURS = "tf_sphereface: "
_REPORTED = re.compile(f"{_OURS}(.*)")
_ABORTED = "Collective ops is aborted by"
_MOST_TOLD = 500  # letters of an error
_HEARD = 5.0  # seconds: the chief's process serves what the others are told


class LostWorkerError(InputError):
    """Another worker of the training has ended, or cannot be reached."""


class Workers:
    """The processes that train one model together; the chief alone writes.

    Between them all is in step: `any_of`, `from_chief` and `wait` have to be called by
    all workers, in the same order.

    Args:
        strategy: Of this process.
        cluster: The workers; None: this process alone.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        cluster: Cluster | None = None,
    ):
        self.strategy, self.cluster = strategy, cluster

    @property
    def several(self) -> bool:
        """True if there is more than this process."""
        return self.cluster is not None

    @property
    def chief(self) -> bool:
        """True for the process that writes."""
        return self.cluster is None or self.cluster.chief

    @property
    def share(self) -> Share:
        """The part of each batch that this process reads."""
        if self.cluster is None:
            return Share()
        return Share(self.cluster.index, len(self.cluster.tasks))

    def distributed(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """An endless dataset of this process' shares, as `fit` takes it."""
        if self.cluster is None:
            return dataset
        # Otherwise each step would begin with a question to all who still has data.
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        replicas = self.strategy.num_replicas_in_sync // len(self.cluster.tasks)
        if replicas > 1:
            size = dataset.element_spec[1].shape[0] // replicas
            dataset = dataset.rebatch(size, drop_remainder=True)
        return self.strategy.distribute_datasets_from_function(
            lambda _: dataset.apply(endless)
        )

    def any_of(self, flag: bool) -> bool:
        """True if one of the workers says so."""
        if self.cluster is None:
            return flag
        return bool(self._sum(np.array([flag], np.int32))[0])

    def wait(self) -> None:
        """Lets no worker go on before all have come here."""
        self.any_of(False)

    def from_chief(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The chief's values on all workers.

        Args:
            values: Of equal shapes and types on all workers.

        Returns: The chief's, bit by bit.
        """
        if self.cluster is None:
            return list(values)
        received = []
        for value in values:
            words = np.frombuffer(value.tobytes() + bytes(-value.nbytes % 4), np.int32)
            words = self._sum(words if self.chief else np.zeros_like(words))
            content = words.tobytes()[: value.nbytes]
            received.append(np.frombuffer(content, value.dtype).reshape(value.shape))
        return received

    def _sum(self, numbers):
        with self.naming_lost():
            total = self.strategy.reduce("SUM", tf.constant(numbers), axis=None)
            return total.numpy()

    @contextlib.contextmanager
    def naming_lost(self) -> Iterator[None]:
        """Raises LostWorkerError where TensorFlow cannot go on without a worker."""
        try:
            yield
        except tf.errors.OpError as error:
            if self.cluster is None or not _of_workers(error):
                raise
            raise LostWorkerError(self._told(error.message)) from error

    @contextlib.contextmanager
    def ending_together(self) -> Iterator[None]:
        """Tells the others of an error in the block, so that they do not wait."""
        try:
            yield
        except LostWorkerError:
            raise  # who is told by TensorFlow, too
        except (Exception, KeyboardInterrupt) as error:
            if self.cluster is not None:
                text = f"{error}".partition("\n")[0] or type(error).__name__
                with contextlib.suppress(tf.errors.OpError):
                    context.context().report_error_to_cluster(
                        tf.errors.ABORTED, _OURS + text[:_MOST_TOLD]
                    )
                    time.sleep(_HEARD)
            raise

    def _told(self, message):
        named = [(job, int(number)) for job, number in _TASK.findall(message)]
        places = [
            self.cluster.tasks.index(task)
            for task in named
            if task in self.cluster.tasks
        ]
        # The one that sends no heartbeats comes last. Of a chief that is silent
        # TensorFlow names nobody but the worker that waits for it.
        places = [0, *(place for place in places if place != self.cluster.index)]
        who = self.cluster.name(places[-1])
        if self.cluster.chief and len(places) == 1:
            who = "another worker"
        reported = _REPORTED.search(message)
        if reported:
            return f"{who} ended: {reported[1]}"
        return (
            f"{who} has ended or cannot be reached; start all workers again with the "
            "same command: they go on from the chief's last backup"
        )


def _of_workers(error):
    gone = tf.errors.UnavailableError, tf.errors.DeadlineExceededError
    return _ABORTED in error.message or isinstance(error, gone)


def join_workers(
    facts: Callable[[], dict[str, str]],
    devices: int | None = None,
    seconds: float = WAIT_SECONDS,
) -> Workers:
    """The workers of TF_CONFIG, once all have come; without it this process alone.

    Args:
        facts: Gives what all workers must have in common, as `meet` takes it.
        devices: Of this machine, as `training_strategy`.
        seconds: For how long the others are waited for.

    Raises: InputError as `read_cluster`, `meet`, `cluster_strategy` and
        `training_strategy`.
    """
    cluster = read_cluster()
    if cluster is None:
        return Workers(training_strategy(devices))
    if keras.backend.backend() != "tensorflow":
        raise InputError("TF_CONFIG: several machines need KERAS_BACKEND=tensorflow")
    if cluster in _JOINED:
        return _JOINED[cluster]
    cluster.listener().close()  # a port that is taken is better told at once
    known = {"number of devices": str(devices_of_worker(devices))}
    meet(cluster, known | facts(), seconds)
    strategy = cluster_strategy(cluster, devices, min(seconds, _JOINING))
    return _JOINED.setdefault(cluster, Workers(strategy, cluster))
