"""What the cascade looks at: two ways to reckon levels, crops and ranks."""

from collections.abc import Callable
from typing import NamedTuple

from tf_sphereface.detection.boxes import best_first
from tf_sphereface.detection.crops import pyramid_level, pyramid_levels, square_crops
from tf_sphereface.detection.package_arithmetic import (
    package_crops,
    package_level,
    package_levels,
    package_rank,
)


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
# Of the `mtcnn` package, rounding and all.
PACKAGE = Arithmetic(package_levels, package_level, package_crops, package_rank)
