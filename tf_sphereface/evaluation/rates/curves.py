"""The curves of scores of pairs: ROC, DET and the angles, of some hundred points."""

import numpy as np

from tf_sphereface.evaluation.rates.thresholds import roc_points
from tf_sphereface.evaluation.report_types import Curve

_POINTS = 400  # finer than the eye; all points of a large list would be megabytes
_BIN = 2  # degrees


def rate_curves(
    scores: np.ndarray, same: np.ndarray, name: str = "all pairs"
) -> list[Curve]:
    """ROC and DET: the best TAR, and the least FRR, within each FAR.

    FAR goes in equal ratios from half of the sample's smallest, where no impostor pair
    is accepted, to 1. Nothing is interpolated.

    Args:
        scores: Float (pairs,).
        same: Bool (pairs,), genuine or impostor.
        name: Of the curves.

    Raises: InputError if there is no genuine or no impostor pair.
    """
    fars, tars = roc_points(scores, same)
    smallest = 1 / np.count_nonzero(~np.asarray(same, bool))
    drawn = np.geomspace(smallest / 2, 1, _POINTS)
    best = tars[np.searchsorted(fars, drawn * (1 + 1e-9), side="right") - 1]
    return [Curve(name, "roc", drawn, best), Curve(name, "det", drawn, 1 - best)]


def angle_curves(scores: np.ndarray, same: np.ndarray) -> list[Curve]:
    """Histograms of the angles of genuine and impostor pairs, in bins of 2 degrees.

    Args:
        scores: Float (pairs,), cosines -1..1; NaN rows are left out.
        same: Bool (pairs,), genuine or impostor.
    """
    same, known = np.asarray(same, bool), ~np.isnan(scores)
    cosines = np.clip(np.where(known, scores, 0.0), -1.0, 1.0)
    degrees = np.degrees(np.arccos(cosines))
    edges = np.arange(0, 181, _BIN)
    curves = []
    for name, kind in (("genuine", same & known), ("impostor", ~same & known)):
        counts = np.histogram(degrees[kind], edges)[0]
        shares = counts / max(1, counts.sum())
        curves.append(Curve(name, "angles", edges[:-1] + _BIN / 2, shares))
    return curves
