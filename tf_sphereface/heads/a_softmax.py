"""A-Softmax, the SphereFace margin head (Liu et al., CVPR 2017)."""

from typing import Literal

import keras
from keras import ops

from tf_sphereface.heads.annealing import (
    Annealing,
    InverseDecayAnnealing,
    StagedMargin,
)
from tf_sphereface.heads.margin_head import l2_norm
from tf_sphereface.heads.multiplicative import MultiplicativeMarginHead, psi_slope

# The schedule of the 2017 release.
RELEASE = InverseDecayAnnealing()


@keras.saving.register_keras_serializable(package="tf_sphereface")
class ASoftmaxLayer(MultiplicativeMarginHead):
    """Multiplicative angular margin: cos(theta) of the target becomes psi(theta).

    psi(theta) = (-1)^k cos(m theta) - 2k for theta (radians) in [k pi/m, (k+1) pi/m].
    It falls from 1 to 1 - 2m as theta goes from 0 to pi. In training the target logit
    is |embedding| (psi(theta) + lambda cos(theta)) / (1 + lambda), and lambda falls as
    `annealing` says: a network does not learn from psi alone at first.

    The gradient that the 2017 release computes is not that of its loss, and its users
    report accuracies trained with it. With g the loss's gradient by a logit, class
    weights w of unit length and an embedding x, gradient="caffe" gives

    - w: the sum of g x over the batch, also for the target, without the margin's factor
      and without the normalisation's projection; the kernel is kept at unit length.
    - x, not the target: g w.
    - x, target: g (direction + lambda w) / (1 + lambda), where direction is
      coeff_w w + coeff_x x, the gradient of |x| psi, divided by
      sqrt(coeff_w^2 + coeff_x^2): hard and easy samples pull alike.

    Take it to repeat the release's training. Embeddings grow longer with it, since the
    division leaves little of the pull that shortens those beyond the margin: in a short
    training, or at a high learning rate, "autodiff" is the one that stays finite.

    Args:
        num_classes: Number of identities, at least 2.
        margin: Integer m >= 1, no unit (it multiplies an angle); 4 in the paper. Or a
            `StagedMargin`. 1 means no margin and no annealing: the modified softmax.
        annealing: Callable that gives lambda for an iteration, or None for lambda = 0.
            The default is the schedule of the 2017 release, for trainings of many
            thousand iterations; a short one needs a lambda that falls faster, such as
            `InverseDecayAnnealing(base=100, gamma=0.05)` for some hundred.
        scale: As in `MarginHead`.
        gradient: "autodiff", or "caffe" for the backward pass of the 2017 release.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` is not a positive integer or a StagedMargin,
        `annealing` or `gradient` is unknown, or `scale` is given with "caffe".
    Reference: SphereFace, https://arxiv.org/abs/1704.08063.
    """

    NAME = "a_softmax"

    def __init__(
        self,
        num_classes: int,
        margin: int | StagedMargin = 4,
        annealing: Annealing | None = RELEASE,
        scale: float | None = None,
        gradient: Literal["autodiff", "caffe"] = "autodiff",
        **kwargs,
    ):
        super().__init__(num_classes, margin, annealing, scale=scale, **kwargs)
        if gradient not in ("autodiff", "caffe"):
            raise ValueError(
                "`gradient` must be 'autodiff' or 'caffe'. "
                f"Received: gradient={gradient!r}"
            )
        if gradient == "caffe" and scale is not None:
            raise ValueError(
                "`scale` must be None with gradient='caffe': the release does not "
                f"normalise embeddings. Received: scale={scale}"
            )
        self.gradient = gradient

    def build(self, input_shape):
        super().build(input_shape)
        if self.gradient == "caffe":
            # Not an assignment in `call`, which replicas could not make.
            self.kernel.constraint = UnitColumns()

    def initial_kernel(self, shape, dtype=None):
        kernel = super().initial_kernel(shape, dtype=dtype)
        return UnitColumns()(kernel) if self.gradient == "caffe" else kernel

    @property
    def columnwise(self):
        # The release's gradient is a sum with that of the target's own column.
        return self.gradient == "autodiff"

    def margin_free(self, embeddings, kernel=None):
        if self.gradient == "autodiff":
            return super().margin_free(embeddings, kernel)
        unit = self.kernel / l2_norm(self.kernel, axis=0)
        # The value is the unit kernel, the gradient by-passes the normalisation.
        kernel = self.kernel + ops.stop_gradient(unit - self.kernel)
        return {
            "logits": ops.matmul(embeddings, kernel),
            "norm": l2_norm(embeddings, axis=-1),
            "embeddings": ops.convert_to_tensor(embeddings),
        }

    def margin_logits(self, outputs, labels, training=None):
        logits = super().margin_logits(outputs, labels, training=training)
        if self.gradient == "autodiff":
            return logits
        # The value with no gradient, plus terms of value 0 with the release's gradient.
        labels = self.label_column(labels)
        plain = _only_gradient(outputs["logits"])  # g w for x, g x for w
        pull = _only_gradient(self._release_pull(outputs, labels))
        pull = ops.where(self.is_target(labels), pull, ops.zeros_like(plain))
        return ops.stop_gradient(logits) + plain + pull

    def _release_pull(self, outputs, labels):
        """(batch, 1); its gradient by x is the release's for the target, less w."""
        embeddings = outputs["embeddings"]
        norm = ops.stop_gradient(outputs["norm"])
        logits = ops.stop_gradient(outputs["logits"])
        cos_theta = ops.take_along_axis(logits, labels, axis=1) / norm
        coeff_w = self.at_stage(lambda margin: psi_slope(cos_theta, margin))
        coeff_x = (self.psi(cos_theta) - cos_theta * coeff_w) / norm
        length = ops.sqrt(coeff_w**2 + coeff_x**2)
        share = 1.0 / (1.0 + ops.cast(self.annealing_lambda(), cos_theta.dtype))
        columns = ops.take(ops.stop_gradient(self.kernel), labels[:, 0], axis=1)
        weights = ops.transpose(columns / l2_norm(columns, axis=0))
        along_w = ops.sum(embeddings * weights, axis=1, keepdims=True)
        along_x = 0.5 * ops.sum(ops.square(embeddings), axis=1, keepdims=True)
        # direction + lambda w over 1 + lambda, less the w that the plain logit gives.
        return share * ((coeff_w / length - 1.0) * along_w + coeff_x / length * along_x)

    def get_config(self):
        return {**super().get_config(), "gradient": self.gradient}


@keras.saving.register_keras_serializable(package="tf_sphereface")
class UnitColumns(keras.constraints.Constraint):
    """Divides each column of a kernel by its L2 norm."""

    def __call__(self, value):
        return value / l2_norm(value, axis=0)


def _only_gradient(value):
    return value - ops.stop_gradient(value)
