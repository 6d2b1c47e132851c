"""Triplet losses: FaceNet's semi-hard one, and batch-hard."""

import keras
from keras import ops

from tf_sphereface.losses.distances import distance_of, squared_distances, unit
from tf_sphereface.losses.metric_loss import MetricLoss, positive
from tf_sphereface.losses.mining import batch_hard_loss, semi_hard_loss


class TripletLoss(MetricLoss):
    """The common part of the triplet losses: margin and distance.

    Args:
        margin: alpha > 0, in the unit of the distance.
        squared: Square the Euclidean distance.
        normalize: L2-normalise the embeddings first.
        weight: As in `MetricLoss`.

    Raises: ValueError if `margin` is not positive.
    """

    def __init__(
        self,
        margin: float = 0.2,
        squared: bool = True,
        normalize: bool = True,
        weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(weight, **kwargs)
        self.margin = positive("margin", margin)
        self.squared = bool(squared)
        self.normalize = bool(normalize)

    def distances(self, embeddings):
        """Distances of all pairs, float (batch, batch)."""
        squared = squared_distances(unit(embeddings) if self.normalize else embeddings)
        return squared if self.squared else distance_of(squared)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "squared": self.squared,
            "normalize": self.normalize,
        }


@keras.saving.register_keras_serializable(package="tf_sphereface")
class TripletSemiHardLoss(TripletLoss):
    """max(0, |a - p|^2 - |a - n|^2 + margin), negatives mined semi-hard in the batch.

    The mean over all genuine pairs (a, p) of the batch, both ways round; n is the
    nearest negative that is farther from a than p, or, if there is none, the farthest
    negative. Batches need several images of an identity: see `identity_batches`.

    Args:
        margin: FaceNet's alpha, in the unit of the distance.
        squared: Whether distances are squared, as in FaceNet.
        normalize: Whether embeddings are L2-normalised first, as in FaceNet.
        weight: As in `MetricLoss`.

    Call arguments, Returns: as `MetricLoss`.
    Raises: ValueError if `margin` is not positive.
    Reference: FaceNet, https://arxiv.org/abs/1503.03832. The rule for negatives is that
        of tensorflow-addons' `triplet_semihard_loss`, whose loss is NaN without genuine
        pairs and above 0 without a second identity.
    """

    NAME = "triplet_semihard"

    def batch_loss(self, labels, embeddings):
        return semi_hard_loss(self.distances(embeddings), labels, self.margin)


@keras.saving.register_keras_serializable(package="tf_sphereface")
class TripletHardLoss(TripletLoss):
    """max(0, |a - p| - |a - n| + margin), the farthest p and nearest n of each anchor.

    The mean over the anchors that have a positive and a negative in the batch.

    Args:
        margin: In the unit of the distance; unused with `soft`.
        soft: log(1 + exp(|a - p| - |a - n|)) in place of the hinge: no margin at which
            an anchor stops to pull.
        squared: Whether distances are squared; the authors advise against it.
        normalize: Whether embeddings are L2-normalised first; the authors do not, but
            faces are compared by cosine.
        weight: As in `MetricLoss`.

    Call arguments, Returns: as `MetricLoss`.
    Raises: ValueError if `margin` is not positive.
    Reference: Hermans et al., https://arxiv.org/abs/1703.07737. tensorflow-addons'
        `triplet_hard_loss` counts anchors without a positive too, with a distance of 0.
    """

    NAME = "triplet_hard"

    def __init__(
        self,
        margin: float = 0.2,
        soft: bool = False,
        squared: bool = False,
        normalize: bool = True,
        weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(margin, squared, normalize, weight, **kwargs)
        self.soft = bool(soft)

    def batch_loss(self, labels, embeddings):
        return batch_hard_loss(self.distances(embeddings), labels, self.hinge)

    def hinge(self, difference):
        """The loss of an anchor from d_ap - d_an, any shape."""
        if self.soft:
            return ops.softplus(difference)
        return ops.maximum(difference + self.margin, 0.0)

    def get_config(self):
        return {**super().get_config(), "soft": self.soft}
