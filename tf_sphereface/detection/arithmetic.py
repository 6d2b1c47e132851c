"""The steps of the cascade between its networks: levels, crops and ranks."""

from collections.abc import Callable
from typing import NamedTuple

from tf_sphereface.detection.boxes import best_first
from tf_sphereface.detection.crops import pyramid_level, pyramid_levels, square_crops


class Arithmetic(NamedTuple):
    """The steps between the networks.

    Args:
        levels: As `crops.pyramid_levels`.
        level: As `crops.pyramid_level`.
        crops: As `crops.square_crops`.
        rank: As `boxes.best_first`.
    """

    levels: Callable
    level: Callable
    crops: Callable
    rank: Callable


EXACT = Arithmetic(pyramid_levels, pyramid_level, square_crops, best_first)
