"""Class weights divided among the replicas of a training, with their momentum."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.heads import MarginHead
from tf_sphereface.training.many_identities.replicas import replica_number

_BLOCK = 1 << 16  # classes that are looked at together
Move = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class PickedClasses(NamedTuple):
    """Classes of one share that take part in a step.

    Attributes:
        rows: Their weights, float (picked, sub_centers * embedding_dim).
        numbers: Their places in the share, int32 (picked,); None: all, in order.
        columns: For each image of the whole batch the place of its class among the
            picked ones, int32 (images,); -1 if another share has it.
    """

    rows: tf.Tensor
    numbers: tf.Tensor | None
    columns: tf.Tensor


class ClassShares(keras.layers.Layer):
    """Class weights as rows, an equal share of the classes on each replica's device.

    To be made in the scope of the training's strategy. Saved are the rows of all
    classes, so that another number of devices can go on with them.

    Args:
        head: The margin head whose weights they are, which keeps none itself.
        embedding_dim: Of the backbone.
        sampling_rate: Share of the classes that take part in a step, in (0, 1]: those
            of the batch, and others at random. With 1 there is no sampling.
        seed: Of the sampling; a step's sample depends on it, on the step's number and
            on the share.

    Raises: ValueError if there are fewer classes than replicas, or the replicas are on
        several machines.
    Reference: Partial FC, https://arxiv.org/abs/2203.15565.
    """

    def __init__(
        self, head: MarginHead, embedding_dim: int, sampling_rate: float, seed: int
    ):
        super().__init__(name="class_shares", dtype=head.dtype_policy)
        self.num_classes, self.embedding_dim = head.num_classes, embedding_dim
        self.sampling_rate, self.seed = sampling_rate, seed
        self.width = head.kernel_columns // head.num_classes * embedding_dim
        strategy = tf.distribute.get_strategy()
        replicas = strategy.num_replicas_in_sync
        if self.num_classes < replicas:
            raise ValueError(
                f"there must be a class for each of the {replicas} devices. "
                f"Received: num_classes={self.num_classes}"
            )
        rest = self.num_classes % replicas
        counts = [self.num_classes // replicas + (r < rest) for r in range(replicas)]
        # The classes of a share: from a bound to the next.
        self.bounds = [0, *np.cumsum(counts).tolist()]
        self.rows = self._variables("rows", strategy, max(counts))
        with tf.device("CPU:0"):  # an accelerator may have no room for the whole
            shape = (embedding_dim, head.kernel_columns)
            # As a graph its steps take each other's memory.
            make = tf.function(head.initial_kernel, autograph=False)
            self.set_kernel(make(shape, dtype=self.variable_dtype))
        self.velocities = self._variables("velocities", strategy, max(counts))
        self.built = True

    def _variables(self, name, strategy, count):
        """One variable (count, width) of zeros on each replica's device."""
        # The strategy's variable that has a value of its own in each replica.
        variable = tf.Variable(
            lambda: tf.zeros((count, self.width), self.variable_dtype),
            trainable=False,
            name=name,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.NONE,
        )
        parts = strategy.experimental_local_results(variable)
        if len(parts) < strategy.num_replicas_in_sync:
            raise ValueError("class weights are divided on one machine only")
        return parts

    @property
    def kernel(self) -> np.ndarray:
        """All class weights, float (embedding_dim, kernel_columns), as heads have."""
        return self._whole(self.rows).reshape(-1, self.embedding_dim).T

    def set_kernel(self, kernel: tf.Tensor) -> None:
        """Sets the class weights; float (embedding_dim, kernel_columns)."""
        sub_centers = self.width // self.embedding_dim
        for part, (first, end) in zip(self.rows, pairwise(self.bounds), strict=True):
            columns = kernel[:, first * sub_centers : end * sub_centers]
            _fill(part, tf.reshape(tf.transpose(columns), (-1, self.width)))

    def blocks(self) -> Iterator[tuple[int, tf.Tensor]]:
        """Kernels of some classes each, with the number of the first one."""
        for start, rows in self._row_blocks(self.rows):
            yield start, tf.transpose(tf.reshape(rows, (-1, self.embedding_dim)))

    def _row_blocks(self, variables):
        for part, (first, end) in zip(variables, pairwise(self.bounds), strict=True):
            for start in range(first, end, _BLOCK):
                # Reading the whole variable would copy it.
                places = tf.range(start - first, min(start + _BLOCK, end) - first)
                yield start, tf.gather(part, places)

    def _whole(self, variables):
        """Rows of all classes, float (num_classes, width)."""
        whole = np.empty((self.num_classes, self.width), self.variable_dtype)
        for start, rows in self._row_blocks(variables):
            whole[start : start + len(rows)] = rows
        return whole

    def save_own_variables(self, store):
        store["rows"] = self._whole(self.rows)
        store["velocities"] = self._whole(self.velocities)

    def load_own_variables(self, store):
        for name, variables in (("rows", self.rows), ("velocities", self.velocities)):
            rows = np.asarray(store[name])
            if rows.shape != (self.num_classes, self.width):
                raise ValueError(f"{name} of shape {rows.shape} are of another head")
            for part, (first, end) in zip(
                variables, pairwise(self.bounds), strict=True
            ):
                _fill(part, rows[first:end])

    def pick(self, labels: tf.Tensor, step: tf.Tensor) -> PickedClasses:
        """Classes of the replica's share for one step.

        Args:
            labels: Int32 (images,), of the batch over all replicas.
            step: Integer scalar, which decides the sample with seed and replica.
        """
        replica = replica_number()
        share, first = self.rows[replica], self.bounds[replica]
        size = self.bounds[replica + 1] - first
        # The labels in the share; `size` stands for all others.
        local = labels - first
        local = tf.where((local >= 0) & (local < size), local, size)
        if self.sampling_rate == 1.0:
            rows = _first(share, size)
            return PickedClasses(rows, None, tf.where(local < size, local, -1))
        images = labels.shape[0] or tf.size(labels)
        # Never fewer than the batch may need, so that their number is always the same.
        count = tf.maximum(
            int(np.ceil(self.sampling_rate * size)), tf.minimum(images, size)
        )
        if (known := tf.get_static_value(count)) is not None:
            count = int(known)
        numbers = self._sample(local, size, count, step)
        columns = tf.tensor_scatter_nd_update(
            tf.fill([size + 1], -1), numbers[:, None], tf.range(count)
        )
        return PickedClasses(
            tf.gather(share, numbers), numbers, tf.gather(columns, local)
        )

    def _sample(self, local, size, count, step):
        """Numbers of `count` classes, those of `local` below `size` among them."""
        seed = tf.random.experimental.stateless_fold_in(
            [self.seed, replica_number()], step
        )
        scores = tf.random.stateless_uniform([size + 1], seed)
        above_all = tf.fill(tf.shape(local), 2.0)
        scores = tf.tensor_scatter_nd_update(scores, local[:, None], above_all)
        return tf.math.top_k(scores[:size], count, sorted=False).indices

    def update(self, picked: PickedClasses, gradient: tf.Tensor, moved: Move) -> None:
        """Updates the picked classes and their momentum; no other row is touched.

        Args:
            picked: Of the step.
            gradient: Of `picked.rows`.
            moved: Gives the next velocity and weight from velocity, weight, gradient.
        """
        replica = replica_number()
        share, velocities = self.rows[replica], self.velocities[replica]
        numbers = picked.numbers
        if numbers is None:
            size = self.bounds[replica + 1] - self.bounds[replica]
            velocity, rows = moved(_first(velocities, size), picked.rows, gradient)
            _fill(velocities, velocity)
            _fill(share, rows)
            return
        velocity = tf.gather(velocities, numbers)
        velocity, rows = moved(velocity, picked.rows, gradient)
        velocities.scatter_update(tf.IndexedSlices(velocity, numbers))
        share.scatter_update(tf.IndexedSlices(rows, numbers))


def _first(variable, size):
    """The first rows of a variable; all of them without a copy."""
    rows = tf.convert_to_tensor(variable)
    return rows if variable.shape[0] == size else rows[:size]


def _fill(variable, rows):
    """Assigns rows, and zeros to the row that is left where shares are not equal."""
    missing = variable.shape[0] - rows.shape[0]
    variable.assign(tf.pad(rows, [[0, missing], [0, 0]]) if missing else rows)
