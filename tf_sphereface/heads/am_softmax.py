"""AM-Softmax, also known as CosFace: an additive margin on the cosine."""

import keras

from tf_sphereface.heads.sub_centers import SubCenterHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class AMSoftmaxLayer(SubCenterHead):
    """Additive cosine margin: scale * (cos(theta) - margin) for the target class.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Subtracted from the target's cosine, in [0, 2).
        scale: As in `MarginHead`; 30 in AM-Softmax, 64 in CosFace.
        sub_centers: Class weights an identity; 1 as in the papers.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is not in [0, 2).
    Reference: AM-Softmax, https://arxiv.org/abs/1801.05599; CosFace,
        https://arxiv.org/abs/1801.09414. The sub-centres are those of sub-center
        ArcFace; neither paper has them.
    """

    NAME = "am_softmax"

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.35,
        scale: float | None = 30.0,
        sub_centers: int = 1,
        **kwargs,
    ):
        super().__init__(num_classes, sub_centers, scale=scale, **kwargs)
        if not 0 <= margin < 2:
            raise ValueError(f"`margin` must be in [0, 2). Received: margin={margin!r}")
        self.margin = float(margin)

    def target_logit(self, cos_theta, outputs=None):
        return cos_theta - self.margin

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
