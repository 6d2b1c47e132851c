"""SphereFace v0: psi for any margin, with a gradient that does not see it."""

import math

import keras
from keras import ops

from tf_sphereface.heads.angles import angle, detached
from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class SphereFaceV0Layer(MarginHead):
    """scale * psi(theta) for the target class, with the gradient of scale * cos(theta).

    psi(theta) = (-1)^k cos(m theta) - 2k for theta (radians) in [k pi/m, (k+1) pi/m],
    as in A-Softmax, but m need not be an integer, and there is no annealing. The
    authors call this gradient "characteristic gradient detachment".

    Args:
        num_classes: Number of identities, at least 2.
        margin: The factor m >= 1 on the angle, no unit.
        scale: As in `MarginHead`; None: no feature normalisation.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is below 1 or not finite.
    Reference: SphereFace Revived, https://arxiv.org/abs/2109.05565; OpenSphere's
        `SphereFace`, which is "v0" among its versions of SphereFace-R.
    """

    NAME = "sphereface_v0"

    def __init__(
        self,
        num_classes: int,
        margin: float = 1.5,
        scale: float | None = 30.0,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if not 1 <= margin < math.inf:
            raise ValueError(f"`margin` must be >= 1. Received: margin={margin!r}")
        self.margin = float(margin)

    def target_logit(self, cos_theta, outputs=None):
        theta = self.margin * angle(cos_theta)
        sector = ops.floor(theta / math.pi)
        psi = (1.0 - 2.0 * (sector % 2)) * ops.cos(theta) - 2.0 * sector
        return detached(cos_theta, psi)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
