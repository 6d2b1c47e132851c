"""MagFace: the embedding's norm learns to be the quality (Meng et al., CVPR 2021)."""

import math

import keras
from keras import ops

from tf_sphereface.heads.angles import arc_margin
from tf_sphereface.heads.margin_head import MarginHead, l2_norm


@keras.saving.register_keras_serializable(package="tf_sphereface")
class MagFaceLayer(MarginHead):
    """ArcFace with a margin that grows with the norm, and a reward for large norms.

    With a the norm of the embedding, clipped to `norms`, the margin goes linearly from
    margins[0] at norms[0] to margins[1] at norms[1], and the loss of a sample is that
    of ArcFace plus regularizer_weight * (1 / a + a / norms[1]^2).

    Args:
        num_classes: Number of identities, at least 2.
        norms: The paper's l_a and u_a, 0 < l_a < u_a.
        margins: The paper's l_m and u_m, radians, 0 <= l_m <= u_m <= pi/2.
        regularizer_weight: The paper's lambda_g >= 0.
        scale: As in `MarginHead`, not None.

    Call arguments, Returns: as `MarginHead`; `sample_losses` has the regulariser.
    Raises: ValueError if an argument is out of its range.
    Reference: MagFace, https://arxiv.org/abs/2103.06627. Beyond pi the target follows
        ArcFace's rule; the authors' code by default leaves targets beyond pi/2 without
        a margin.
    """

    NAME = "magface"
    NEEDS_SCALE = True

    def __init__(
        self,
        num_classes: int,
        norms: tuple[float, float] = (10.0, 110.0),
        margins: tuple[float, float] = (0.45, 0.8),
        regularizer_weight: float = 35.0,
        scale: float = 64.0,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        self.norms = tuple(float(norm) for norm in norms)
        self.margins = tuple(float(margin) for margin in margins)
        if len(self.norms) != 2 or not 0 < self.norms[0] < self.norms[1]:
            raise ValueError(
                f"`norms` must be two increasing lengths. Received: norms={norms!r}"
            )
        if len(self.margins) != 2 or not (
            0 <= self.margins[0] <= self.margins[1] <= math.pi / 2
        ):
            raise ValueError(
                "`margins` must be two angles in [0, pi/2], the smaller first. "
                f"Received: margins={margins!r}"
            )
        if not regularizer_weight >= 0:
            raise ValueError(
                f"`regularizer_weight` must be >= 0. Received: {regularizer_weight=}"
            )
        self.regularizer_weight = float(regularizer_weight)

    def margin_free(self, embeddings, kernel=None):
        return {
            **super().margin_free(embeddings, kernel),
            "embedding_norm": l2_norm(embeddings, axis=-1),
        }

    def target_logit(self, cos_theta, outputs=None):
        low, high = self.norms
        smallest, largest = self.margins
        share = (ops.clip(outputs["embedding_norm"], low, high) - low) / (high - low)
        return arc_margin(cos_theta, smallest + (largest - smallest) * share)

    def weighed_losses(self, losses, outputs):
        norm = ops.clip(outputs["embedding_norm"][:, 0], *self.norms)
        regularizer = 1.0 / norm + norm / self.norms[1] ** 2
        return losses + self.regularizer_weight * regularizer

    def get_config(self):
        return {
            **super().get_config(),
            "norms": list(self.norms),
            "margins": list(self.margins),
            "regularizer_weight": self.regularizer_weight,
        }
