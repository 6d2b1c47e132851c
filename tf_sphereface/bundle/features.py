"""Features of crops, with the part of the mirror policy that the file leaves out."""

from typing import Protocol

import numpy as np

from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.preprocessing import PixelContract, mirror

_CROPS_AT_A_TIME = 256  # so that mirror images take little memory


class CropEmbedder(Protocol):
    """Anything that embeds uint8 RGB crops (faces, height, width, 3)."""

    pixel_contract: PixelContract
    embedding_dim: int

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray: ...


def combine(plain: np.ndarray, mirrored: np.ndarray, policy: str) -> np.ndarray:
    """The features of faces, from the embeddings of crops and of their mirror images.

    Args:
        plain: Float (faces, embedding_dim).
        mirrored: Float (faces, embedding_dim).
        policy: "concat" or "mean".

    Returns: Float (faces, feature_dim), not L2-normalised.
    """
    if policy == "concat":
        return np.concatenate([plain, mirrored], axis=1)
    return (plain + mirrored) / 2


def require_crops(crops: np.ndarray, contract: PixelContract) -> None:
    """Raises ValueError unless `crops` is uint8 (faces, height, width, 3)."""
    expected = (contract.height, contract.width, 3)
    if crops.dtype != np.uint8 or crops.shape[1:] != expected:
        raise ValueError(
            f"`aligned_faces` must be uint8 (faces, {', '.join(map(str, expected))}"
            f"). Received: {crops.dtype} {crops.shape}"
        )


class FeatureSource:
    """An embedding source of whole features, for evaluation under a bundle's policy.

    Args:
        embedder: Of the crops.
        feature: The feature, and the steps to it that the embedder does itself.

    Attributes:
        mirrors_itself: True: faces must not be mirrored once more.
        mirror: The policy.
        embedding_dim: Length of a feature, int.
    """

    mirrors_itself = True

    def __init__(self, embedder: CropEmbedder, feature: FeatureRecord):
        self._embedder, self.mirror = embedder, feature.mirror
        self._combines = feature.mirror_outside != "none"
        self.kind = getattr(embedder, "kind", "tflite")
        self.pixel_contract = embedder.pixel_contract
        twice = feature.mirror_outside == "concat"
        self.embedding_dim = embedder.embedding_dim * (2 if twice else 1)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Features, float32 (faces, feature_dim), of uint8 RGB crops."""
        if not self._combines:
            return self._embedder.embed(aligned_faces)
        parts = [np.empty((0, self.embedding_dim), np.float32)]
        for start in range(0, len(aligned_faces), _CROPS_AT_A_TIME):
            crops = aligned_faces[start : start + _CROPS_AT_A_TIME]
            # In one call, so that two threads have work even if there is one face.
            rows = self._embedder.embed(np.concatenate([crops, mirror(crops)]))
            plain, mirrored = rows[: len(crops)], rows[len(crops) :]
            parts.append(combine(plain, mirrored, self.mirror))
        return np.concatenate(parts)
