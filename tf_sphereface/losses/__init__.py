"""Set losses: what embeddings of a batch cost by their distances to each other."""

from tf_sphereface.losses.angular_triplet import AngularTripletLoss
from tf_sphereface.losses.center import CenterLoss
from tf_sphereface.losses.contrastive import ContrastiveLoss
from tf_sphereface.losses.set_loss import SetLoss
from tf_sphereface.losses.triplet import TripletHardLoss, TripletSemiHardLoss

__all__ = [
    "AngularTripletLoss",
    "CenterLoss",
    "ContrastiveLoss",
    "SetLoss",
    "TripletHardLoss",
    "TripletSemiHardLoss",
]
