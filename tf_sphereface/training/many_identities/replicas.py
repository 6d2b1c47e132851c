"""Collective operations of the replicas of a training step, with exact gradients.

The gradient of the sum of all replicas' losses goes through them: the adjoint of a sum
is a sum, that of a gathering a sum and the replica's own part. To be called in a
replica, by all of them.
"""

import tensorflow as tf


def replica_count() -> int:
    """Replicas of the present step."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def replica_number() -> int:
    """Number of the present replica, from 0."""
    context = tf.distribute.get_replica_context()
    return int(tf.get_static_value(context.replica_id_in_sync_group))


def gathered(values: tf.Tensor) -> tf.Tensor:
    """The values of all replicas along the first axis, in the replicas' order."""
    if replica_count() == 1:
        return values
    return tf.distribute.get_replica_context().all_gather(values, axis=0)


def summed(values: tf.Tensor) -> tf.Tensor:
    """Sum over the replicas, of the same shape."""
    if replica_count() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce("sum", values)


def largest(values: tf.Tensor) -> tf.Tensor:
    """Elementwise maximum over the replicas, of the same shape, without a gradient."""
    return tf.reduce_max(gathered(tf.stop_gradient(values)[None]), axis=0)


def own_part(values: tf.Tensor) -> tf.Tensor:
    """The replica's own part of values that were gathered in equal parts."""
    if replica_count() == 1:
        return values
    return tf.split(values, replica_count())[replica_number()]
