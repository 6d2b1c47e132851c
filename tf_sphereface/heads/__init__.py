"""Margin heads: the layers between an embedding and the identities of the training."""

from tf_sphereface.heads.a_softmax import ASoftmaxLayer
from tf_sphereface.heads.annealing import InverseDecayAnnealing
from tf_sphereface.heads.margin_head import MarginHead
from tf_sphereface.heads.softmax import NormalizedSoftmaxLayer, SoftmaxLayer

__all__ = [
    "ASoftmaxLayer",
    "InverseDecayAnnealing",
    "MarginHead",
    "NormalizedSoftmaxLayer",
    "SoftmaxLayer",
]
