"""SphereFace-R, the multiplicative margin revived (Liu et al., TPAMI 2022)."""

import math
from typing import Literal

import keras
from keras import ops

from tf_sphereface.heads.angles import angle, detached
from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class SphereFaceRLayer(MarginHead):
    """Multiplicative angular margin, without sectors or annealing.

    Version 1 makes the target harder: cos(min(margin * theta, pi)). Version 2 leaves it
    and makes the others nearer: cos(theta / margin).

    Args:
        num_classes: Number of identities, at least 2.
        margin: Factor >= 1 on the angle, need not be an integer.
        version: 1 or 2.
        scale: As in `MarginHead`; None: the paper's "no feature normalisation".
        detach_margin: The authors' characteristic gradient detachment: the margin
            changes the logits' values, and the gradient is that of plain cosines.
        loss_weight: Factor on the loss of `sample_losses`, and so of `FaceClassifier`;
            the authors' code has 50 / scale, which changes the loss and not where it
            is least. The default is the paper's formula.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is below 1, `version` unknown or `loss_weight` not
        positive.
    Reference: SphereFace Revived, https://arxiv.org/abs/2109.05565.
    """

    NAME = "sphereface_r"

    def __init__(
        self,
        num_classes: int,
        margin: float = 1.5,
        version: Literal[1, 2] = 1,
        scale: float | None = 30.0,
        detach_margin: bool = True,
        loss_weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if not 1 <= margin < math.inf:
            raise ValueError(f"`margin` must be >= 1. Received: margin={margin!r}")
        if version not in (1, 2):
            raise ValueError(f"`version` must be 1 or 2. Received: version={version!r}")
        if not 0 < loss_weight < math.inf:
            raise ValueError(
                f"`loss_weight` must be positive. Received: {loss_weight=}"
            )
        self.margin = float(margin)
        self.version = version
        self.detach_margin = bool(detach_margin)
        self.loss_weight = float(loss_weight)

    def target_logit(self, cos_theta, outputs=None):
        if self.version == 2:
            return cos_theta
        harder = ops.cos(ops.minimum(self.margin * angle(cos_theta), math.pi))
        return detached(cos_theta, harder) if self.detach_margin else harder

    def other_logits(self, outputs, cos_theta):
        if self.version == 1:
            return outputs["logits"]
        cos_theta = outputs["logits"] / outputs["norm"]
        nearer = ops.cos(angle(cos_theta) / self.margin)
        if self.detach_margin:
            nearer = detached(cos_theta, nearer)
        return outputs["norm"] * nearer

    def weighed_losses(self, losses, outputs):
        return self.loss_weight * losses

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "version": self.version,
            "detach_margin": self.detach_margin,
            "loss_weight": self.loss_weight,
        }
