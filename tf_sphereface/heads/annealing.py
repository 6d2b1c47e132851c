"""Annealing of the margin: how lambda falls while a margin head trains."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tf_sphereface")
class InverseDecayAnnealing:
    """lambda = max(minimum, base * (1 + gamma * iteration) ** -power).

    The defaults are those of the 2017 release for CASIA-WebFace at batch 512: 76.9 at
    iteration 100, 8.26 at 1000, and the floor from about 1658 on.

    Args:
        base: lambda before training, no unit.
        gamma: Speed of the decay, per iteration.
        power: Exponent of the decay.
        minimum: The floor of lambda.

    Raises: ValueError if an argument is negative.
    Reference: the SphereFace Caffe release.
    """

    def __init__(self, base=1000.0, gamma=0.12, power=1.0, minimum=5.0):
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

    def __call__(self, iteration):
        """lambda at a training iteration; the first iteration is 1."""
        iteration = ops.cast(iteration, "float32")
        decayed = self.base * (1.0 + self.gamma * iteration) ** -self.power
        return ops.maximum(decayed, self.minimum)

    def get_config(self):
        return {
            "base": self.base,
            "gamma": self.gamma,
            "power": self.power,
            "minimum": self.minimum,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
