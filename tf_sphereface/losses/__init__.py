"""Metric losses: losses of the distances between the embeddings of a batch."""

from tf_sphereface.losses.angular_triplet import AngularTripletLoss
from tf_sphereface.losses.center import CenterLoss
from tf_sphereface.losses.contrastive import ContrastiveLoss
from tf_sphereface.losses.metric_loss import MetricLoss
from tf_sphereface.losses.triplet import TripletHardLoss, TripletSemiHardLoss

# By their names in recipes.
METRIC_LOSSES = {
    loss.NAME: loss
    for loss in (
        AngularTripletLoss,
        CenterLoss,
        ContrastiveLoss,
        TripletHardLoss,
        TripletSemiHardLoss,
    )
}

__all__ = [
    "METRIC_LOSSES",
    "AngularTripletLoss",
    "CenterLoss",
    "ContrastiveLoss",
    "MetricLoss",
    "TripletHardLoss",
    "TripletSemiHardLoss",
]
