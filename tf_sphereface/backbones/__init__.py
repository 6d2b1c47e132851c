"""Embedding networks: aligned face in, embedding out."""

from tf_sphereface.backbones.backbone import Backbone
from tf_sphereface.backbones.inception_face import InceptionFace
from tf_sphereface.backbones.inception_resnet_v1 import InceptionResNetV1
from tf_sphereface.backbones.iresnet import IResNet
from tf_sphereface.backbones.keras_application import (
    KerasApplication,
    from_keras_application,
)
from tf_sphereface.backbones.mobilefacenet import MobileFaceNet
from tf_sphereface.backbones.multiply_accumulates import multiply_accumulates
from tf_sphereface.backbones.registry import BACKBONES, build_backbone
from tf_sphereface.backbones.sphereface_cnn import SphereFaceCNN
from tf_sphereface.backbones.stages import stages
from tf_sphereface.backbones.zfnet_face import ZFNetFace

__all__ = [
    "BACKBONES",
    "Backbone",
    "IResNet",
    "InceptionFace",
    "InceptionResNetV1",
    "KerasApplication",
    "MobileFaceNet",
    "SphereFaceCNN",
    "ZFNetFace",
    "build_backbone",
    "from_keras_application",
    "multiply_accumulates",
    "stages",
]
