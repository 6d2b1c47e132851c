"""Schedules of a margin during training: lambda, and stages."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import keras
from keras import ops

Unit = Literal["iterations", "images"]


def _checked_unit(unit):
    if unit not in get_args(Unit):
        raise ValueError(
            f"`unit` must be 'iterations' or 'images'. Received: unit={unit!r}"
        )
    return unit


LARGEST_MARGIN = 100  # the graph has a step for each


def is_margin(value):
    """True for a multiplicative margin, an integer of 1 to `LARGEST_MARGIN`."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= LARGEST_MARGIN


@keras.saving.register_keras_serializable(package="tf_sphereface")
class InverseDecayAnnealing:
    """lambda = max(minimum, base * (1 + gamma * progress) ** -power).

    The defaults are those of the 2017 release for CASIA-WebFace at batch 512: 76.9 at
    iteration 100, 8.26 at 1000, and the floor from about 1658 on. At another batch size
    state the same schedule in images, with gamma = 0.12 / 512: lambda then falls as
    fast for each image seen, and a small batch does not lose its start.

    Args:
        base: lambda before training, no unit.
        gamma: Speed of the decay, per iteration or per image.
        power: Exponent of the decay.
        minimum: The floor of lambda.
        unit: What progress counts: "iterations", or "images" over all devices.

    Raises: ValueError if an argument is negative, or `unit` unknown.
    Reference: the SphereFace Caffe release.
    """

    def __init__(
        self,
        base: float = 1000.0,
        gamma: float = 0.12,
        power: float = 1.0,
        minimum: float = 5.0,
        unit: Unit = "iterations",
    ):
        for name, value in (
            ("base", base),
            ("gamma", gamma),
            ("power", power),
            ("minimum", minimum),
        ):
            if not isinstance(value, int | float) or not value >= 0:
                raise ValueError(f"`{name}` must be >= 0. Received: {name}={value!r}")
        self.base, self.gamma, self.power = float(base), float(gamma), float(power)
        self.minimum = float(minimum)
        self.unit = _checked_unit(unit)

    def __call__(self, progress):
        """lambda after this many iterations or images, the present ones included."""
        progress = ops.cast(progress, "float32")
        decayed = self.base * (1.0 + self.gamma * progress) ** -self.power
        return ops.maximum(decayed, self.minimum)

    def get_config(self):
        return {
            "base": self.base,
            "gamma": self.gamma,
            "power": self.power,
            "minimum": self.minimum,
            "unit": self.unit,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


# Gives lambda, float scalar, for a number of iterations or images.
Annealing = InverseDecayAnnealing | Callable[[Any], Any]


@keras.saving.register_keras_serializable(package="tf_sphereface")
class StagedMargin:
    """A multiplicative margin that grows in stages: m = 1, then 2, then 4.

    A network that does not learn from m = 4 at once is trained with less first. The
    head's lambda goes on falling from the start of training through all stages; with
    `annealing=None` the stages alone bring the margin in.

    Args:
        margins: The margin of each stage, integers >= 1.
        starts: Progress at which each stage begins, increasing, the first 0: the
            iteration of that number is the first with the stage's margin.
        unit: What `starts` counts: "iterations", or "images" over all devices.

    Raises: ValueError if an argument is not as above.
    Example: ASoftmaxLayer(10572, margin=StagedMargin((1, 2, 4), (0, 5_000, 10_000)))
    """

    def __init__(
        self,
        margins: tuple[int, ...],
        starts: tuple[int, ...],
        unit: Unit = "iterations",
    ):
        margins, starts = tuple(margins), tuple(starts)
        if not margins or not all(is_margin(margin) for margin in margins):
            raise ValueError(
                f"`margins` must be integers >= 1. Received: margins={margins!r}"
            )
        if len(starts) != len(margins):
            raise ValueError(
                "`starts` must have one value for each margin. "
                f"Received: margins={margins!r}, starts={starts!r}"
            )
        if starts[0] != 0 or list(starts) != sorted(set(starts)):
            raise ValueError(
                f"`starts` must begin with 0 and increase. Received: starts={starts!r}"
            )
        self.margins, self.starts = margins, starts
        self.unit = _checked_unit(unit)

    def select(self, progress, values):
        """Selects the value of the present stage from one for each stage.

        Args:
            progress: Iterations or images so far, the present ones included.
            values: One tensor or number for each stage, all of one shape.
        """
        chosen = values[0]
        for start, value in zip(self.starts[1:], values[1:], strict=True):
            chosen = ops.where(progress >= start, value, chosen)
        return chosen

    def get_config(self):
        return {
            "margins": list(self.margins),
            "starts": list(self.starts),
            "unit": self.unit,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
