"""The steps of the cascade between its networks: levels, crops and ranks."""

from collections.abc import Callable
from typing import NamedTuple

from tf_sphereface.detection.boxes import best_first
from tf_sphereface.detection.crops import Pyramid, pyramid_levels, square_crops


class Arithmetic(NamedTuple):
    """The steps between the networks.

    Args:
        levels: As `crops.pyramid_levels`.
        pyramid: As `crops.Pyramid`.
        crops: As `crops.square_crops`.
        rank: As `boxes.best_first`.
    """

    levels: Callable
    pyramid: Callable
    crops: Callable
    rank: Callable


EXACT = Arithmetic(pyramid_levels, Pyramid, square_crops, best_first)
