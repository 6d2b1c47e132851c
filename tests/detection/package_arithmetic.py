"""Pyramid levels and crops as the `mtcnn` package computes them, with its rounding.

It counts levels without regard to the smallest face, rounds levels to whole pixels and
then computes with the scale before rounding, and stretches crops by (size - 1) / size
about the photo's first pixel. `tf_sphereface.detection.crops` does neither. With
`PACKAGE` and `PACKAGE_SETTINGS` our cascade must find the package's faces.
"""

from typing import NamedTuple

import cv2
import numpy as np

from tf_sphereface.detection import MTCNNSettings
from tf_sphereface.detection.arithmetic import Arithmetic
from tf_sphereface.preprocessing import PixelContract

PACKAGE_SETTINGS = MTCNNSettings(thresholds=(0.6, 0.7, 0.8), landmark_rule="single")


def package_rank(scores: np.ndarray) -> np.ndarray:
    """Indices that sort scores (boxes,), the best first, of equal ones the last.

    A network that is sure gives the same score to several boxes of one face.
    """
    return np.argsort(scores.astype(np.float64))[::-1]


def package_levels(
    height: int, width: int, cell: int, smallest_face: float, factor: float
) -> list[tuple[tuple[int, int], tuple[float, float]]]:
    """The pyramid levels of a photo, largest first.

    Args and returns: as `crops.pyramid_levels`, but the scales are those before the
        rounding to whole pixels.
    """
    count = round(-(np.log(min(height, width) / cell) / np.log(factor) + 1))
    levels = []
    for number in range(count):
        scale = cell / smallest_face * factor**number
        size = int(height * scale), int(width * scale)
        if min(size) >= cell:  # the package fails with smaller ones
            levels.append((size, (scale, scale)))
    return levels


def package_pyramid(photo: np.ndarray):
    """As `crops.Pyramid`: levels of the whole photo, not rounded to whole numbers."""
    photo = photo.astype(np.float32)
    return lambda height, width: _normalize(
        cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    )


def package_crops(photos, boxes, owners, side):
    """Cuts square boxes out of photos and resizes them, bilinear, without reduction.

    Args and returns: as `crops.square_crops`. A sample outside the photo is grey, 0.
    """
    crops = np.zeros((len(boxes), side, side, 3), np.float32)
    normalized = {
        owner: PixelContract().normalize(photos[owner].astype(np.float32))
        for owner in np.unique(owners)
    }
    for crop, box, owner in zip(crops, boxes, owners, strict=True):
        photo = normalized[owner]
        rows = _samples(box[1], box[3], photo.shape[0], side)
        columns = _samples(box[0], box[2], photo.shape[1], side)
        crop[np.ix_(rows.inside, columns.inside)] = _bilinear(photo, rows, columns)
    return crops


def _normalize(pixels):
    return PixelContract().normalize(pixels.astype(np.float32))


class _Samples(NamedTuple):
    """Positions in the photo of a crop's rows, or columns, as far as inside."""

    inside: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray  # of `upper`


def _samples(first, last, size, side):
    stretch = (size - 1) / size
    places = np.linspace(first * stretch, last * stretch, side)
    inside = np.nonzero((places >= 0) & (places <= size - 1))[0]
    places = places[inside]
    lower = np.floor(places).astype(int)
    upper = np.minimum(lower + 1, size - 1)
    return _Samples(inside, lower, upper, (places - lower).astype(np.float32))


def _bilinear(photo, rows, columns):
    right = columns.weight[None, :, None]
    upper, lower = (
        photo[np.ix_(row, columns.lower)] * (1 - right)
        + photo[np.ix_(row, columns.upper)] * right
        for row in (rows.lower, rows.upper)
    )
    down = rows.weight[:, None, None]
    return upper * (1 - down) + lower * down


PACKAGE = Arithmetic(package_levels, package_pyramid, package_crops, package_rank)
