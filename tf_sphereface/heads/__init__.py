"""Margin heads: the layers between an embedding and the identities of the training."""

from tf_sphereface.heads.a_softmax import ASoftmaxLayer
from tf_sphereface.heads.am_softmax import AMSoftmaxLayer
from tf_sphereface.heads.annealing import InverseDecayAnnealing, StagedMargin
from tf_sphereface.heads.arcface import ArcFaceLayer
from tf_sphereface.heads.coco import COCOLayer
from tf_sphereface.heads.l_softmax import LSoftmaxLayer
from tf_sphereface.heads.margin_head import MarginHead
from tf_sphereface.heads.softmax import NormalizedSoftmaxLayer, SoftmaxLayer

__all__ = [
    "AMSoftmaxLayer",
    "ASoftmaxLayer",
    "ArcFaceLayer",
    "COCOLayer",
    "InverseDecayAnnealing",
    "LSoftmaxLayer",
    "MarginHead",
    "NormalizedSoftmaxLayer",
    "SoftmaxLayer",
    "StagedMargin",
]
