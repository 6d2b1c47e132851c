"""A-Softmax, the SphereFace margin head (Liu et al., CVPR 2017)."""

import math

import keras
from keras import ops

from tf_sphereface.heads.annealing import InverseDecayAnnealing
from tf_sphereface.heads.margin_head import MarginHead


@keras.saving.register_keras_serializable(package="tf_sphereface")
class ASoftmaxLayer(MarginHead):
    """Multiplicative angular margin: cos(theta) of the target becomes psi(theta).

    psi(theta) = (-1)^k cos(m theta) - 2k for theta (radians) in [k pi/m, (k+1) pi/m].
    It falls from 1 to 1 - 2m as theta goes from 0 to pi. In training the target logit
    is |embedding| (psi(theta) + lambda cos(theta)) / (1 + lambda), and lambda falls as
    `annealing` says: a network does not learn from psi alone at first.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Integer m >= 1, no unit (it multiplies an angle); 4 in the paper. 1
            means no margin and no annealing: the modified softmax.
        annealing: Callable that gives lambda for an iteration, or None for lambda = 0.
            "release" is the schedule of the 2017 release, for trainings of many
            thousand iterations; a short one needs a lambda that falls faster, such as
            `InverseDecayAnnealing(base=100, gamma=0.05)` for some hundred.
        scale: As in `MarginHead`.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is not a positive integer or `annealing` is unknown.
    Reference: SphereFace, https://arxiv.org/abs/1704.08063.
    """

    def __init__(
        self, num_classes, margin=4, annealing="release", scale=None, **kwargs
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if isinstance(margin, bool) or not isinstance(margin, int) or margin < 1:
            raise ValueError(
                f"`margin` must be an integer >= 1. Received: margin={margin!r}"
            )
        if annealing == "release":
            annealing = InverseDecayAnnealing()
        if annealing is not None and not callable(annealing):
            raise ValueError(
                "`annealing` must be 'release', None or a callable. "
                f"Received: annealing={annealing!r}"
            )
        self.margin = margin
        self.annealing = annealing

    def annealing_lambda(self):
        """lambda at the present iteration: float scalar, 0 without annealing."""
        if self.annealing is None or self.margin == 1:
            return ops.zeros((), dtype=self.variable_dtype)
        return ops.cast(self.annealing(self.iteration), self.variable_dtype)

    def target_logit(self, cos_theta):
        if self.margin == 1:
            return cos_theta
        weight = ops.cast(self.annealing_lambda(), cos_theta.dtype)
        return (self.psi(cos_theta) + weight * cos_theta) / (1.0 + weight)

    def psi(self, cos_theta):
        """psi(theta) from cos(theta), any shape."""
        # cos(m theta) is the Chebyshev polynomial T_m(cos theta): with no acos in the
        # graph, the gradient stays finite at theta = 0 and theta = pi.
        lower, cos_m_theta = ops.ones_like(cos_theta), cos_theta
        for _ in range(self.margin - 1):
            lower, cos_m_theta = cos_m_theta, 2 * cos_theta * cos_m_theta - lower
        edges = [math.cos(j * math.pi / self.margin) for j in range(1, self.margin)]
        k = sum(ops.cast(cos_theta < edge, cos_theta.dtype) for edge in edges)
        return (1 - 2 * (k % 2)) * cos_m_theta - 2 * k

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "annealing": keras.saving.serialize_keras_object(self.annealing),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["annealing"] = keras.saving.deserialize_keras_object(config["annealing"])
        return cls(**config)
