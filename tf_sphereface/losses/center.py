"""Center loss (Wen et al., ECCV 2016)."""

import keras
from keras import ops

from tf_sphereface.heads.labels import checked_labels, nan_outside
from tf_sphereface.losses.metric_loss import MetricLoss, mean_or_zero


@keras.saving.register_keras_serializable(package="tf_sphereface")
class CenterLoss(MetricLoss):
    """|embedding - centre of its class|^2 / 2, the mean over the batch.

    After a training step with n_j images x of class j its centre moves by
    alpha sum(x - c_j) / (1 + n_j). The loss is that before the move; no gradient goes
    to the centres. They are a weight, so that checkpoints carry them, and over replicas
    the sums and counts are those of the whole batch.

    Since it has to know when it trains, it works in a `FaceClassifier`, not as the loss
    of `compile`.

    Args:
        num_classes: Number of identities, at least 1.
        alpha: How far centres move, in (0, 1].
        weight: As in `MetricLoss`; 0.003 to 0.008 in the paper, beside softmax.

    Call arguments, Returns: as `MetricLoss`; `training` must be given.
    Raises: ValueError if an argument is out of its range, `training` is not given, or a
        label that can be read is out of range.
    Reference: https://doi.org/10.1007/978-3-319-46478-7_31. Centres begin at 0.
    """

    NAME = "center"

    def __init__(
        self, num_classes: int, alpha: float = 0.5, weight: float = 0.008, **kwargs
    ):
        super().__init__(weight, **kwargs)
        if isinstance(num_classes, bool) or not isinstance(num_classes, int):
            raise ValueError(
                "`num_classes` must be an integer >= 1. "
                f"Received: num_classes={num_classes!r}"
            )
        if num_classes < 1:
            raise ValueError(
                f"`num_classes` must be >= 1. Received: num_classes={num_classes}"
            )
        if not 0 < alpha <= 1:
            raise ValueError(f"`alpha` must be in (0, 1]. Received: alpha={alpha!r}")
        self.num_classes = num_classes
        self.alpha = float(alpha)

    def build(self, labels_shape, embeddings_shape):
        super().build(labels_shape, embeddings_shape)
        state = {"initializer": "zeros", "trainable": False}
        self.centers = self.add_weight(
            name="centers",
            shape=(self.num_classes, embeddings_shape[-1]),
            aggregation="mean",
            **state,
        )
        # Images of each class over all replicas, and last the number of replicas.
        self.batch_counts = self.add_weight(
            name="batch_counts",
            shape=(self.num_classes + 1,),
            aggregation="sum",
            **state,
        )

    def call(self, labels, embeddings, training=None):
        if training is None:
            raise ValueError(
                "`training` must be True or False. Received: training=None; "
                "CenterLoss works in a FaceClassifier, not as the loss of `compile`"
            )
        labels = checked_labels(labels, self.num_classes)
        centers = ops.stop_gradient(ops.convert_to_tensor(self.centers))
        offsets = embeddings - ops.take(centers, labels, axis=0)
        if training:
            self._move(centers, labels, ops.stop_gradient(offsets))
        losses = ops.sum(ops.square(offsets), axis=1) / 2.0
        return mean_or_zero(nan_outside(losses, labels, self.num_classes))

    def _move(self, centers, labels, offsets):
        classes = {"num_segments": self.num_classes}
        ones = ops.ones_like(offsets[:, 0])
        own_counts = ops.segment_sum(ones, labels, **classes)
        self.batch_counts.assign(ops.append(own_counts, ops.ones_like(own_counts[:1])))
        counts = ops.convert_to_tensor(self.batch_counts)
        moves = ops.segment_sum(offsets, labels, **classes)
        moves = self.alpha * moves / (1.0 + counts[:-1, None])
        # The mean over replicas of this is the centres plus the sum of their moves:
        # only the counts need a weight of their own, not the sums of embeddings.
        self.centers.assign(centers + counts[-1] * moves)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "alpha": self.alpha,
        }
