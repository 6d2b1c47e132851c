"""ArcFace: an additive margin on the angle."""

import math

import keras

from tf_sphereface.heads.angles import arc_margin, detached
from tf_sphereface.heads.sub_centers import SubCenterHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class ArcFaceLayer(SubCenterHead):
    """Additive angular margin: scale * cos(theta + margin) for the target class.

    Where theta + margin exceeds pi, cos(theta) - margin sin(margin) takes its place, so
    that the target logit falls over the whole range of theta; at theta = pi - margin it
    jumps down by cos(margin) + margin sin(margin) - 1. This is the rule of the authors'
    first code. InsightFace's present code takes cos(theta + margin) there too, which
    rises again, and OpenSphere takes -1.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Radians in [0, pi/2].
        scale: As in `MarginHead`.
        sub_centers: Class weights an identity; 3 in sub-center ArcFace.
        detach_margin: Whether the margin changes the logits' values only, and the
            gradient is that of plain cosines, as in InsightFace's present code and in
            OpenSphere. The default is the gradient of the paper's formula.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is not in [0, pi/2].
    Reference: ArcFace, https://arxiv.org/abs/1801.07698; sub-center ArcFace (Deng et
        al., ECCV 2020).
    """

    NAME = "arcface"

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.5,
        scale: float | None = 64.0,
        sub_centers: int = 1,
        detach_margin: bool = False,
        **kwargs,
    ):
        super().__init__(num_classes, sub_centers, scale=scale, **kwargs)
        if not 0 <= margin <= math.pi / 2:
            raise ValueError(
                f"`margin` must be in [0, pi/2]. Received: margin={margin!r}"
            )
        self.margin = float(margin)
        self.detach_margin = bool(detach_margin)

    def target_logit(self, cos_theta, outputs=None):
        harder = arc_margin(cos_theta, self.margin)
        return detached(cos_theta, harder) if self.detach_margin else harder

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "detach_margin": self.detach_margin,
        }
