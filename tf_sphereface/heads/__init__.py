"""Margin heads: the layers between an embedding and the identities of the training."""

from tf_sphereface.heads.a_softmax import ASoftmaxLayer
from tf_sphereface.heads.adaface import AdaFaceLayer
from tf_sphereface.heads.am_softmax import AMSoftmaxLayer
from tf_sphereface.heads.annealing import InverseDecayAnnealing, StagedMargin
from tf_sphereface.heads.arcface import ArcFaceLayer
from tf_sphereface.heads.coco import COCOLayer
from tf_sphereface.heads.curricularface import CurricularFaceLayer
from tf_sphereface.heads.l_softmax import LSoftmaxLayer
from tf_sphereface.heads.magface import MagFaceLayer
from tf_sphereface.heads.margin_head import MarginHead
from tf_sphereface.heads.softmax import NormalizedSoftmaxLayer, SoftmaxLayer
from tf_sphereface.heads.sphereface2 import SphereFace2Layer
from tf_sphereface.heads.sphereface_r import SphereFaceRLayer

__all__ = [
    "AMSoftmaxLayer",
    "ASoftmaxLayer",
    "AdaFaceLayer",
    "ArcFaceLayer",
    "COCOLayer",
    "CurricularFaceLayer",
    "InverseDecayAnnealing",
    "LSoftmaxLayer",
    "MagFaceLayer",
    "MarginHead",
    "NormalizedSoftmaxLayer",
    "SoftmaxLayer",
    "SphereFace2Layer",
    "SphereFaceRLayer",
    "StagedMargin",
]
