"""The smallest margin that makes classes compact, found by measuring their regions.

SphereFace asks for the smallest m for which the largest angle within a class is below
the smallest angle between two classes, and derives m >= 2 + sqrt(3) for two classes and
m >= 3 for many that are spread uniformly. Nothing of that derivation is used here: the
directions of a circle are tried, each goes to the class that A-Softmax would give it
with the margin, and the two angles are measured.
"""

import dataclasses

import numpy as np

_STEPS = 200  # directions tried from a class weight to the opposite one,
_ZOOMS = 4  # and how often again between the last inside and the first outside
_MARGINS = (2.0, 8.0)  # where the root is sought


@dataclasses.dataclass(frozen=True)
class Bound:
    """A margin that was found, beside the paper's."""

    case: str
    found: float
    paper: float


def psi(theta: np.ndarray, margin: float) -> np.ndarray:
    """(-1)^k cos(m theta) - 2k for theta (radians, 0..pi) and any real m >= 1."""
    sector = np.floor(margin * theta / np.pi)
    return (-1.0) ** sector * np.cos(margin * theta) - 2.0 * sector


def reach(margin: float, others: np.ndarray) -> float:
    """Extent of the region of a class from its weight, anticlockwise, radians.

    The region is of the directions whose psi to their own weight, at angle 0, exceeds
    the cosine to every other.

    Args:
        margin: m >= 1, need not be an integer.
        others: Angles of the other weights on the circle, radians.
    """
    low, high = 0.0, np.pi
    for _ in range(_ZOOMS):
        theta = np.linspace(low, high, _STEPS + 1)
        nearest = np.cos(theta[:, None] - np.asarray(others)).max(axis=1)
        outside = psi(theta, margin) <= nearest
        if not outside.any():
            return float(np.pi)
        first = int(np.argmax(outside))
        if first == 0:
            return float(low)
        low, high = theta[first - 1], theta[first]
    return float(high)


def class_angles(margin: float, weights: np.ndarray) -> tuple[float, float]:
    """Largest angle within the first class, smallest between it and another, radians.

    Args:
        margin: m >= 1.
        weights: Angles of all class weights on the circle, the first one's first.
    """
    weights = np.asarray(weights, float)
    regions = []
    for number, weight in enumerate(weights):
        others = np.delete(weights, number) - weight
        regions.append(
            (weight - reach(margin, -others), weight + reach(margin, others))
        )
    (start, end), rest = regions[0], regions[1:]
    intra = min(end - start, np.pi)
    gaps = [(low - end, start - high) for low, high in rest]
    inter = min(np.mod(gap, 2 * np.pi) for pair in gaps for gap in pair)
    return intra, float(inter)


def smallest_margin(arrangements: list[np.ndarray], digits: int = 5) -> float:
    """The smallest m whose classes are compact in all arrangements of the weights.

    Compact: the largest angle within a class does not exceed the smallest between two.

    Args:
        arrangements: Each the angles of all class weights on the circle, radians.
        digits: Decimal places to which m is found.
    """

    def compact(margin):
        pairs = (class_angles(margin, weights) for weights in arrangements)
        return all(intra <= inter for intra, inter in pairs)

    low, high = _MARGINS
    while high - low > 0.5 * 10.0**-digits:
        middle = (low + high) / 2
        low, high = (low, middle) if compact(middle) else (middle, high)
    return high


def paper_bounds() -> list[Bound]:
    """Both bounds of the paper, measured: two classes at any angle, and many."""
    pairs = [np.array([0.0, angle]) for angle in np.radians(range(6, 181, 6))]
    bounds = [
        Bound("two classes, weights at any angle", smallest_margin(pairs), 2 + 3**0.5)
    ]
    for count in (3, 10, 30):
        spread = 2 * np.pi * np.arange(count) / count
        found = smallest_margin([spread])
        bounds.append(Bound(f"{count} classes, spread evenly", found, 3.0))
    return bounds
