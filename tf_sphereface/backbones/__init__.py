"""Embedding networks: aligned face in, embedding out."""

from tf_sphereface.backbones.iresnet import IResNet
from tf_sphereface.backbones.mobilefacenet import MobileFaceNet
from tf_sphereface.backbones.multiply_accumulates import multiply_accumulates
from tf_sphereface.backbones.sphereface_cnn import SphereFaceCNN

__all__ = ["IResNet", "MobileFaceNet", "SphereFaceCNN", "multiply_accumulates"]
