"""The triplet hinge on angles."""

import math
from typing import Literal

import keras

from tf_sphereface.heads.angles import angle
from tf_sphereface.losses.distances import cosines
from tf_sphereface.losses.metric_loss import MetricLoss, positive
from tf_sphereface.losses.mining import semi_hard_loss


@keras.saving.register_keras_serializable(package="tf_sphereface")
class AngularTripletLoss(MetricLoss):
    """max(0, theta_ap - theta_an + margin), theta the angle of two embeddings, radians.

    form="cosine" is max(0, cos_an - cos_ap + margin). Pairs, negatives and mean are
    those of `TripletSemiHardLoss`; both forms choose the same negatives.

    Args:
        margin: Radians in (0, pi), or a cosine in (0, 2).
        form: "angle" or "cosine".
        weight: As in `MetricLoss`.

    Call arguments, Returns: as `MetricLoss`.
    Raises: ValueError if `margin` is out of its range or `form` unknown.
    """

    NAME = "angular_triplet"
    WIDEST = {"angle": math.pi, "cosine": 2.0}

    def __init__(
        self,
        margin: float = 0.2,
        form: Literal["angle", "cosine"] = "angle",
        weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(weight, **kwargs)
        if form not in self.WIDEST:
            raise ValueError(
                f"`form` must be 'angle' or 'cosine'. Received: form={form!r}"
            )
        self.form = form
        self.margin = positive("margin", margin)
        if not self.margin < self.WIDEST[form]:
            raise ValueError(
                f"`margin` must be below {self.WIDEST[form]:.4g} with form={form!r}. "
                f"Received: margin={margin!r}"
            )

    def batch_loss(self, labels, embeddings):
        cos_theta = cosines(embeddings)
        distances = angle(cos_theta) if self.form == "angle" else 1.0 - cos_theta
        return semi_hard_loss(distances, labels, self.margin)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "form": self.form}
