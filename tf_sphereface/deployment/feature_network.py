"""Whole features of aligned faces: the embedding network and the mirror policy."""

from typing import Literal

import numpy as np

from tf_sphereface.deployment.embedder import TFLiteEmbedder
from tf_sphereface.preprocessing import mirror as mirror_faces

_CROPS_AT_A_TIME = 256  # so that mirror images take little memory


class FeatureNetwork:
    """An embedding network that gives features, as a bundle's mirror policy has them.

    It stands in the place of an embedding network where faces shall not be mirrored
    once more.

    Args:
        network: The embedding network; the mirror image may be inside.
        mirror: "none": a feature is the embedding of the crop; "concat": that followed
            by the embedding of the mirror image; "mean": the mean of the two.

    Attributes:
        mirrors_itself: True: what it gives has the mirror image in it, if any.
        mirror: The policy.
        embedding_dim: Length of a feature, int.
    """

    kind = TFLiteEmbedder.kind
    mirrors_itself = True

    def __init__(
        self, network: TFLiteEmbedder, mirror: Literal["none", "concat", "mean"]
    ):
        self._network = network
        self.mirror = mirror
        self.pixel_contract = network.pixel_contract
        self._twice = mirror != "none" and not network.mirrors_itself
        longer = mirror == "concat" and self._twice
        self.embedding_dim = network.embedding_dim * (2 if longer else 1)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Features of aligned faces.

        Args:
            aligned_faces: uint8 (faces, height, width, 3), RGB.

        Returns: Float32 (faces, feature_dim), L2-normalised only if the graph does
            that.
        Raises: ValueError if the array has another type or shape.
        """
        if not self._twice:
            return self._network.embed(aligned_faces)
        aligned_faces = np.asarray(aligned_faces)
        parts = [np.empty((0, self.embedding_dim), np.float32)]
        for start in range(0, len(aligned_faces), _CROPS_AT_A_TIME):
            parts.append(self._both(aligned_faces[start : start + _CROPS_AT_A_TIME]))
        return np.concatenate(parts)

    def _both(self, crops):
        # In one call, so that threads have work even if there is a single face.
        rows = self._network.embed(np.concatenate([crops, mirror_faces(crops)]))
        faces, mirrored = rows[: len(crops)], rows[len(crops) :]
        if self.mirror == "concat":
            return np.concatenate([faces, mirrored], axis=1)
        return (faces + mirrored) / 2
