"""Loss scaling for half precision, on several devices too."""

import keras


@keras.saving.register_keras_serializable(package="tf_sphereface")
class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaling, where all devices leave out a step that overflows on one.

    Keras asks the first device alone if its gradients are finite. They are those of its
    part of the batch; the others' would make all weights NaN.

    Args:
        *args, **kwargs: Those of `keras.optimizers.LossScaleOptimizer`.
    """

    def build(self, var_list):
        if not self.built:  # Keras' own would make scale and counter anew
            super().build(var_list)

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() == "tensorflow":
            grads = self._sharing_overflow(list(grads))
        super().apply(grads, trainable_variables)

    def _sharing_overflow(self, gradients):
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return gradients
        overflow = tf.cast(~self.check_finite(gradients), tf.float32)
        overflow = context.all_reduce("sum", overflow) > 0
        place = next(p for p, gradient in enumerate(gradients) if gradient is not None)
        nan = tf.constant(float("nan"), gradients[place].dtype)
        gradients[place] = tf.where(overflow, nan, gradients[place])
        return gradients
