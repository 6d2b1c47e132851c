"""Embedding networks: aligned face in, embedding out."""

from tf_sphereface.backbones.sphereface_cnn import SphereFaceCNN

__all__ = ["SphereFaceCNN"]
