"""AdaFace: a margin that follows image quality (Kim et al., CVPR 2022)."""

import math

import keras
from keras import ops

from tf_sphereface.heads.angles import angle
from tf_sphereface.heads.margin_head import MarginHead, l2_norm

# Of the authors' code: bounds of the norm, of theta + margin away from 0 and pi, and
# what is added to the deviation.
NORM_RANGE = (1e-3, 100.0)
EPSILON = 1e-3


@keras.saving.register_keras_serializable(package="tf_sphereface")
class AdaFaceLayer(MarginHead):
    """cos(theta - margin quality) - margin (1 + quality) for the target class.

    quality = clip(concentration (|embedding| - mean) / deviation, -1, 1), with running
    mean and deviation of the norms in training, without a gradient: hard samples are
    stressed if their norm, and so the image, is good. quality = -1 is ArcFace, 0 is
    CosFace.

    Args:
        num_classes: Number of identities, at least 2.
        margin: The paper's m: radians, and a cosine, in [0, pi/2].
        concentration: The paper's h > 0.
        rate: Share of the present batch in the running mean and deviation, in (0, 1].
        scale: As in `MarginHead`, not None.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if an argument is out of its range.
    Reference: AdaFace, https://arxiv.org/abs/2204.00964. The authors' code also clips
        the cosines of all classes to +-0.999, which is not needed here.
    """

    NAME = "adaface"
    NEEDS_SCALE = True

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.4,
        concentration: float = 0.333,
        rate: float = 0.01,
        scale: float = 64.0,
        **kwargs,
    ):
        super().__init__(num_classes, scale=scale, **kwargs)
        if not 0 <= margin <= math.pi / 2:
            raise ValueError(
                f"`margin` must be in [0, pi/2]. Received: margin={margin!r}"
            )
        if not concentration > 0:
            raise ValueError(
                f"`concentration` must be positive. Received: {concentration=}"
            )
        if not 0 < rate <= 1:
            raise ValueError(f"`rate` must be in (0, 1]. Received: rate={rate!r}")
        self.margin = float(margin)
        self.concentration = float(concentration)
        self.rate = float(rate)

    def build(self, input_shape):
        super().build(input_shape)
        self.norm_mean = self._statistic("norm_mean", (), 20.0, "only_first_replica")
        self.norm_deviation = self._statistic(
            "norm_deviation", (), 100.0, "only_first_replica"
        )
        # Count, sum and sum of squares over all replicas: the deviation of a batch is
        # not the mean of those of its parts.
        self.batch_sums = self._statistic("batch_sums", (3,), 0.0, "sum")

    def _statistic(self, name, shape, value, aggregation):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            aggregation=aggregation,
        )

    def margin_free(self, embeddings, kernel=None):
        return {
            **super().margin_free(embeddings, kernel),
            "embedding_norm": l2_norm(embeddings, axis=-1),
        }

    def observe(self, outputs, cos_theta):
        super().observe(outputs, cos_theta)
        norms = self._safe_norm(outputs)
        sums = self._sums_over_replicas(norms)
        mean = sums[1] / sums[0]
        # Squares from the batch's own mean: a difference of large sums would lose the
        # digits of a small spread. What rounding left in the mean is taken off too.
        sums = self._sums_over_replicas(norms - mean)
        squares = ops.maximum(sums[2] - ops.square(sums[1]) / sums[0], 0.0)
        # A batch of one has no deviation.
        deviation = ops.sqrt(squares / ops.maximum(sums[0] - 1.0, 1.0))
        self.norm_mean.assign(self.rate * mean + (1.0 - self.rate) * self.norm_mean)
        self.norm_deviation.assign(
            self.rate * deviation + (1.0 - self.rate) * self.norm_deviation
        )

    def _sums_over_replicas(self, values):
        """Count, sum and sum of squares of the values of all replicas, (3,)."""
        sums = [ops.sum(values**power) for power in (0, 1, 2)]
        self.batch_sums.assign(ops.stack(sums))
        return ops.convert_to_tensor(self.batch_sums)

    def _safe_norm(self, outputs):
        return ops.clip(ops.stop_gradient(outputs["embedding_norm"]), *NORM_RANGE)

    def quality(self, outputs):
        """The norm against the running statistics, in -1..1, float (batch, 1)."""
        offset = self._safe_norm(outputs) - self.norm_mean
        spread = self.norm_deviation + EPSILON
        return ops.clip(self.concentration * offset / spread, -1.0, 1.0)

    def target_logit(self, cos_theta, outputs=None):
        quality = self.quality(outputs)
        theta = angle(cos_theta) - self.margin * quality
        theta = ops.clip(theta, EPSILON, math.pi - EPSILON)
        return ops.cos(theta) - self.margin * (1.0 + quality)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "concentration": self.concentration,
            "rate": self.rate,
        }
