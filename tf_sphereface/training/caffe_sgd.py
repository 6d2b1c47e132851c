"""SGD with the update rule of Caffe, which the SphereFace release was tuned for."""

import keras
import tensorflow as tf

from tf_sphereface.one_pass import in_one_pass


@keras.saving.register_keras_serializable(package="tf_sphereface")
class CaffeSGD(keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, with faster biases.

    velocity = momentum * velocity - rate * (gradient + decay * weight), then
    weight += velocity. Biases take `bias_rate` times the learning rate and no decay.
    Keras' own `weight_decay` is decoupled from the momentum and is another method. With
    `global_clipnorm` the gradient of the whole batch is bounded, whatever the number of
    replicas; Keras bounds each replica's share of it.

    Args:
        learning_rate: Float or Keras schedule.
        momentum: In [0, 1).
        coupled_weight_decay: Factor on the weight in the gradient; (decay/2) |w|^2 in
            the loss.
        bias_rate: Factor on the learning rate of biases.

    Reference: the SphereFace Caffe release: lr_mult 1 and 2, decay_mult 1 and 0.
    """

    # Of `global_clipnorm`, on several replicas.
    bounds_whole_batch = True

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.9,
        coupled_weight_decay=5e-4,
        bias_rate=2.0,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.coupled_weight_decay = coupled_weight_decay
        self.bias_rate = bias_rate

    def apply(self, grads, trainable_variables=None):
        replicas = 1  # JAX has the gradient of the whole batch
        if keras.backend.backend() == "tensorflow":
            context = tf.distribute.get_replica_context()
            replicas = context.num_replicas_in_sync if context is not None else 1
        if self.global_clipnorm and replicas > 1:
            places = [place for place, grad in enumerate(grads) if grad is not None]
            sums = context.all_reduce("sum", [grads[place] for place in places])
            sums, _ = tf.clip_by_global_norm(sums, self.global_clipnorm)
            grads = list(grads)
            for place, gradient in zip(places, sums, strict=True):
                grads[place] = gradient / replicas  # which Keras adds up again
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        decay = self.coupled_weight_decay
        if _is_bias(variable.name):
            learning_rate, decay = learning_rate * self.bias_rate, 0.0
        if self.nesterov or not self.momentum:
            gradient = gradient + decay * keras.ops.cast(variable, gradient.dtype)
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        moved, weight = self._moved(velocity, variable, gradient, learning_rate, decay)
        self.assign(velocity, moved)
        self.assign(variable, weight)

    def moved_rows(self, velocity, rows, gradient):
        """The next velocity and weights of rows that the caller keeps himself.

        Args:
            velocity: Float (rows, width), zeros at first.
            rows: Float (rows, width), no biases.
            gradient: Of the whole batch, float (rows, width).
        """
        rate, decay = self.learning_rate, self.coupled_weight_decay
        return self._moved(velocity, rows, gradient, rate, decay)

    def _moved(self, velocity, weight, gradient, learning_rate, decay):
        numbers = (learning_rate, decay, self.momentum)
        parts = (velocity, weight, gradient, *numbers)
        return _moved(*(keras.ops.cast(part, weight.dtype) for part in parts))

    def get_config(self):
        return {
            **super().get_config(),
            "coupled_weight_decay": self.coupled_weight_decay,
            "bias_rate": self.bias_rate,
        }


@in_one_pass
def _moved(velocity, weight, gradient, learning_rate, decay, momentum):
    """The next velocity and weight."""
    step = learning_rate * (gradient + decay * weight)
    velocity = momentum * velocity - step
    return velocity, weight + velocity


def _is_bias(name):
    # TensorFlow's backend passes its own variable, named "model/layer/bias:0", on the
    # second device "model/layer/bias/replica_1:0".
    parts = name.split(":")[0].split("/")
    return [part for part in parts if not part.startswith("replica_")][-1] == "bias"
