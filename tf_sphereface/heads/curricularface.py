"""CurricularFace: easy negatives first, hard ones later (Huang et al., CVPR 2020)."""

import math

import keras
from keras import ops

from tf_sphereface.heads.angles import arc_margin, cosine_of_sum
from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class CurricularFaceLayer(MarginHead):
    """ArcFace's target; a negative above it counts cos(theta) (hardness + cos(theta)).

    A negative is hard if its cosine exceeds cos(theta_target + margin). `hardness`, the
    paper's t, is the running mean of the targets' cosines: it grows as the network
    learns, and hard negatives weigh little at first and much later.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Radians in [0, pi/2].
        scale: As in `MarginHead`, not None.
        rate: Share of the present batch in `hardness`, in (0, 1].

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if an argument is out of its range.
    Reference: CurricularFace, https://arxiv.org/abs/2004.00288. Beyond pi the target
        follows ArcFace's rule, as in the authors' code.
    """

    NAME = "curricularface"
    NEEDS_SCALE = True

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.5,
        scale: float = 64.0,
        rate: float = 0.01,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if not 0 <= margin <= math.pi / 2:
            raise ValueError(
                f"`margin` must be in [0, pi/2]. Received: margin={margin!r}"
            )
        if not 0 < rate <= 1:
            raise ValueError(f"`rate` must be in (0, 1]. Received: rate={rate!r}")
        self.margin = float(margin)
        self.rate = float(rate)

    def build(self, input_shape):
        super().build(input_shape)
        # The mean over replicas is that of the whole batch if they see equal parts.
        self.hardness = self.add_weight(
            name="hardness",
            shape=(),
            initializer="zeros",
            trainable=False,
            aggregation="mean",
        )

    def observe(self, outputs, cos_theta):
        super().observe(outputs, cos_theta)
        cosines = ops.stop_gradient(cos_theta)
        count = ops.sum(ops.ones_like(cosines))
        present = ops.sum(cosines) / ops.maximum(count, 1.0)
        # A replica without a share of a dataset's last batch has nothing to add.
        rate = self.rate * ops.minimum(count, 1.0)
        self.hardness.assign(rate * present + (1.0 - rate) * self.hardness)

    def target_logit(self, cos_theta, outputs=None):
        return arc_margin(cos_theta, self.margin)

    def other_logits(self, outputs, cos_theta):
        cosines = outputs["logits"] / self.scale
        margin = ops.convert_to_tensor(self.margin, dtype=cos_theta.dtype)
        hard = cosines > cosine_of_sum(cos_theta, margin)
        weighed = outputs["logits"] * (self.hardness + cosines)
        return ops.where(hard, weighed, outputs["logits"])

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "rate": self.rate}
