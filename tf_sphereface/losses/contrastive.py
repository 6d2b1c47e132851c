"""The contrastive loss of DeepID2 (Sun et al., NIPS 2014)."""

import keras
from keras import ops

from tf_sphereface.losses.distances import distance_of, squared_distances, unit
from tf_sphereface.losses.metric_loss import MetricLoss, masked_mean, positive
from tf_sphereface.losses.mining import pair_masks


@keras.saving.register_keras_serializable(package="tf_sphereface")
class ContrastiveLoss(MetricLoss):
    """|a - b|^2 / 2 of a genuine pair, max(0, margin - |a - b|)^2 / 2 of an impostor's.

    The mean over all pairs of two different images of the batch, batch (batch - 1) / 2
    of them, genuine and impostor alike; 0 for a single image. `pair_losses` takes pairs
    of one's own choice.

    Args:
        margin: Distance from which an impostor pair costs nothing.
        normalize: Whether embeddings are L2-normalised first; DeepID2 does not.
        weight: As in `MetricLoss`; DeepID2 adds the loss to softmax with 0.05.

    Call arguments, Returns: as `MetricLoss`.
    Raises: ValueError if `margin` is not positive.
    Reference: DeepID2, https://arxiv.org/abs/1406.4773. tensorflow-addons'
        `contrastive_loss` has twice these values.
    """

    NAME = "contrastive"

    def __init__(
        self,
        margin: float = 1.0,
        normalize: bool = False,
        weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(weight, **kwargs)
        self.margin = positive("margin", margin)
        self.normalize = bool(normalize)

    def batch_loss(self, labels, embeddings):
        genuine, impostor = pair_masks(labels)
        squared = squared_distances(self._prepared(embeddings))
        losses = self._costs(squared, genuine)
        return masked_mean(losses, ops.logical_or(genuine, impostor))

    def pair_losses(self, first, second, genuine):
        """Loss of each of some pairs.

        Args:
            first: Float (pairs, embedding_dim).
            second: Float (pairs, embedding_dim).
            genuine: Boolean (pairs,), whether a pair is of one identity.

        Returns: Float (pairs,).
        """
        first, second = (
            self._prepared(ops.cast(part, self.compute_dtype))
            for part in (first, second)
        )
        squared = ops.sum(ops.square(first - second), axis=1)
        return self._costs(squared, ops.cast(genuine, "bool"))

    def _prepared(self, embeddings):
        return unit(embeddings) if self.normalize else embeddings

    def _costs(self, squared, genuine):
        missing = ops.maximum(self.margin - distance_of(squared), 0.0)
        return ops.where(genuine, squared, ops.square(missing)) / 2.0

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "normalize": self.normalize,
        }
