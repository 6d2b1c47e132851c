"""The common part of the losses that compare embeddings with each other."""

import math

import keras
from keras import ops

from tf_sphereface.heads.labels import flat_labels
from tf_sphereface.heads.margin_head import check_embeddings_shape, full_precision


class MetricLoss(keras.layers.Layer):
    """A loss of a set of embeddings and their labels: one number a batch.

    A layer, so that a loss may own weights that are saved with the model. Subclasses
    override `batch_loss`. A loss without weights also works alone, on a bare backbone:
    `model.compile(loss=TripletSemiHardLoss())`. It computes in float32 or float64 under
    every dtype policy.

    Under a distribution strategy pairs and triplets are sought within a replica's share
    of the batch, and a `FaceClassifier` averages the replicas' losses. Train with one
    there, if need be without a head: Keras adds up the replicas' gradients and does not
    divide a scalar loss of `compile` by their number. No replica's share may be empty
    for triplets: batch with `drop_remainder=True`.

    Args:
        weight: Factor on the loss where a `FaceClassifier` adds it to others; a call
            gives the loss without it.
        name: Of the layer, and after "loss_" of the figure in the training's logs.

    Call arguments:
        labels: Integer (batch,) or (batch, 1), identities.
        embeddings: Float (batch, embedding_dim), not L2-normalised.
        training: Whether this is a training step.

    Returns: Float scalar. It is 0, with gradients of 0, for a batch without the pairs
        or triplets that the loss is about.
    Raises: ValueError if `weight` is not positive, `dtype` half precision or labels are
        one-hot.
    """

    # Of the loss in recipes, and of the layer unless another is given.
    NAME: str | None = None

    def __init__(self, weight: float = 1.0, **kwargs):
        kwargs["dtype"] = full_precision(kwargs.get("dtype"))
        if kwargs.get("name") is None:
            # Not Keras' own, which counts: it names a column of the training's history.
            kwargs["name"] = self.NAME
        super().__init__(**kwargs)
        self.weight = positive("weight", weight)

    def build(self, labels_shape, embeddings_shape):
        check_embeddings_shape(embeddings_shape)
        self.built = True

    def call(self, labels, embeddings, training=None):
        return self.batch_loss(flat_labels(labels), embeddings)

    def batch_loss(self, labels, embeddings):
        """The loss; int32 (batch,) and float (batch, embedding_dim) to a scalar."""
        raise NotImplementedError

    def compute_output_shape(self, labels_shape, embeddings_shape):
        return ()

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


def positive(name, value):
    """The value as a float.

    Raises: ValueError if it is not a finite number above 0.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be positive. Received: {name}={value!r}")
    return float(value)


def mean_or_zero(values):
    """Mean of values of any shape, scalar; 0 if there are none."""
    return masked_mean(values, ops.ones_like(values, dtype="bool"))


def masked_mean(values, mask):
    """Mean of the values where the mask is true, scalar; 0 where it nowhere is."""
    count = ops.sum(ops.cast(mask, values.dtype))
    chosen = ops.where(mask, values, ops.zeros_like(values))
    return ops.sum(chosen) / ops.maximum(count, 1.0)
