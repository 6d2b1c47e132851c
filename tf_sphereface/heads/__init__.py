"""Margin heads: the layers between an embedding and the identities of the training."""

from tf_sphereface.heads.a_softmax import ASoftmaxLayer as ASoftmaxLayer
from tf_sphereface.heads.adaface import AdaFaceLayer as AdaFaceLayer
from tf_sphereface.heads.am_softmax import AMSoftmaxLayer as AMSoftmaxLayer
from tf_sphereface.heads.annealing import InverseDecayAnnealing, StagedMargin
from tf_sphereface.heads.arcface import ArcFaceLayer as ArcFaceLayer
from tf_sphereface.heads.coco import COCOLayer as COCOLayer
from tf_sphereface.heads.curricularface import (
    CurricularFaceLayer as CurricularFaceLayer,
)
from tf_sphereface.heads.l_softmax import LSoftmaxLayer as LSoftmaxLayer
from tf_sphereface.heads.magface import MagFaceLayer as MagFaceLayer
from tf_sphereface.heads.margin_head import MarginHead
from tf_sphereface.heads.softmax import NormalizedSoftmaxLayer as NormalizedSoftmaxLayer
from tf_sphereface.heads.softmax import SoftmaxLayer as SoftmaxLayer
from tf_sphereface.heads.sphereface2 import SphereFace2Layer as SphereFace2Layer
from tf_sphereface.heads.sphereface_r import SphereFaceRLayer as SphereFaceRLayer
from tf_sphereface.heads.sphereface_v0 import SphereFaceV0Layer as SphereFaceV0Layer

# Heads by their names in recipes: a new one is its import above.
HEADS = {
    head.NAME: head
    for head in list(globals().values())
    if isinstance(head, type) and issubclass(head, MarginHead) and head.NAME
}

__all__ = ["HEADS", "InverseDecayAnnealing", "MarginHead", "StagedMargin"]
__all__ += [head.__name__ for head in HEADS.values()]
