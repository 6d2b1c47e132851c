"""Loss scaling of float16 on several devices."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_sphereface")
class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaling, where all devices leave out a step that overflows on one.

    Keras asks the first device alone if its gradients are finite. They are those of its
    part of the batch; the others' would make all weights NaN.

    Args:
        *args, **kwargs: Those of `keras.optimizers.LossScaleOptimizer`.
    """

    def apply(self, grads, trainable_variables=None):
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            overflow = tf.cast(~self.check_finite(grads), tf.float32)
            overflow = context.all_reduce("sum", overflow) > 0
            grads = list(grads)
            place = next(p for p, grad in enumerate(grads) if grad is not None)
            nan = tf.constant(float("nan"), grads[place].dtype)
            grads[place] = tf.where(overflow, nan, grads[place])
        super().apply(grads, trainable_variables)
