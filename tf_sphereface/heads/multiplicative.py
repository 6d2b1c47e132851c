"""The multiplicative angular margin psi and its annealing, for L- and A-Softmax."""

import math

import keras
from keras import ops

from tf_sphereface.heads.annealing import (
    LARGEST_MARGIN,
    Annealing,
    StagedMargin,
    is_margin,
)
from tf_sphereface.heads.margin_head import MarginHead


def psi(cos_theta, margin):
    """(-1)^k cos(m theta) - 2k, theta in [k pi/m, (k+1) pi/m], from cos(theta)."""
    # cos(m theta) is the Chebyshev polynomial T_m(cos theta): with no acos in the
    # graph, the gradient stays finite at theta = 0 and theta = pi.
    lower, cos_m_theta = ops.ones_like(cos_theta), cos_theta
    for _ in range(margin - 1):
        lower, cos_m_theta = cos_m_theta, 2 * cos_theta * cos_m_theta - lower
    sector = _sector(cos_theta, margin)
    return (1 - 2 * (sector % 2)) * cos_m_theta - 2 * sector


def psi_slope(cos_theta, margin):
    """d psi / d cos(theta), which is (-1)^k m U_(m-1)(cos theta), from cos(theta)."""
    lower, chebyshev = ops.zeros_like(cos_theta), ops.ones_like(cos_theta)
    for _ in range(margin - 1):
        lower, chebyshev = chebyshev, 2 * cos_theta * chebyshev - lower
    return (1 - 2 * (_sector(cos_theta, margin) % 2)) * margin * chebyshev


def _sector(cos_theta, margin):
    edges = [math.cos(j * math.pi / margin) for j in range(1, margin)]
    passed = [ops.cast(cos_theta < edge, cos_theta.dtype) for edge in edges]
    return sum(passed, ops.zeros_like(cos_theta))


class MultiplicativeMarginHead(MarginHead):
    """psi(theta) in place of the target's cosine, brought in by lambda.

    The target's cosine becomes (psi(theta) + lambda cos(theta)) / (1 + lambda).

    Args:
        num_classes: Number of identities, at least 2.
        margin: Integer m >= 1 (it multiplies an angle), or a `StagedMargin`.
        annealing: Callable that gives lambda for a number of iterations, or of images
            if its `unit` is "images"; None: lambda = 0.

    Call arguments, Returns: as `MarginHead`.
    Raises: ValueError if `margin` or `annealing` is something else.
    """

    def __init__(
        self,
        num_classes: int,
        margin: int | StagedMargin,
        annealing: Annealing | None,
        **kwargs,
    ):
        super().__init__(num_classes, **kwargs)
        if not isinstance(margin, StagedMargin) and not is_margin(margin):
            raise ValueError(
                f"`margin` must be an integer >= 1, at most {LARGEST_MARGIN}, or a "
                "StagedMargin. "
                f"Received: margin={margin!r}"
            )
        if annealing is not None and not callable(annealing):
            raise ValueError(
                "`annealing` must be None or a callable. "
                f"Received: annealing={annealing!r}"
            )
        self.margin = margin
        self.annealing = annealing

    @property
    def counts_images(self):
        """True if a schedule is stated in images."""
        schedules = (self.margin, self.annealing)
        return any(getattr(item, "unit", "") == "images" for item in schedules)

    def build(self, input_shape):
        super().build(input_shape)
        if self.counts_images:
            counter = {
                "shape": (),
                "dtype": "int32",
                "initializer": "zeros",
                "trainable": False,
            }
            # Keras assigns the sum of variable and increment, so that a counter that
            # adds up over replicas would add up its own past too.
            self.batch_images = self.add_weight(
                name="batch_images", aggregation="sum", **counter
            )
            self.images = self.add_weight(
                name="images", aggregation="only_first_replica", **counter
            )

    def observe(self, outputs, cos_theta):
        super().observe(outputs, cos_theta)
        if self.counts_images:
            self.batch_images.assign(ops.cast(ops.shape(cos_theta)[0], "int32"))
            self.images.assign_add(self.batch_images)

    def progress(self, schedule):
        """Iterations or images so far, as the schedule counts: int32 scalar."""
        images = getattr(schedule, "unit", "iterations") == "images"
        if images:
            return ops.convert_to_tensor(self.images)
        calls = ops.convert_to_tensor(self.iteration)
        # Rounded up: the first call of an iteration is of it already.
        return (calls + self.calls_per_iteration - 1) // self.calls_per_iteration

    def annealing_lambda(self):
        """lambda at the present iteration: float scalar, 0 without annealing."""
        if self.annealing is None or self.margin == 1:
            return ops.zeros((), dtype=self.variable_dtype)
        return ops.cast(
            self.annealing(self.progress(self.annealing)), self.variable_dtype
        )

    def at_stage(self, function):
        """function(m) for the margin m of the present stage."""
        if not isinstance(self.margin, StagedMargin):
            return function(self.margin)
        values = [function(margin) for margin in self.margin.margins]
        return self.margin.select(self.progress(self.margin), values)

    def target_logit(self, cos_theta, outputs=None):
        if self.margin == 1:
            return cos_theta
        weight = ops.cast(self.annealing_lambda(), cos_theta.dtype)
        return (self.psi(cos_theta) + weight * cos_theta) / (1.0 + weight)

    def psi(self, cos_theta):
        """psi(theta) of the present stage from cos(theta), any shape."""
        return self.at_stage(lambda margin: psi(cos_theta, margin))

    def get_config(self):
        return {
            **super().get_config(),
            "margin": keras.saving.serialize_keras_object(self.margin),
            "annealing": keras.saving.serialize_keras_object(self.annealing),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in {"margin", "annealing"} & config.keys():
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
