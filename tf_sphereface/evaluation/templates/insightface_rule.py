"""Rates of templates as InsightFace's scripts for IJB-B and IJB-C take them.

Reference: https://github.com/deepinsight/insightface, recognition/_evaluation_/ijb,
    ijb_11.py for pairs and ijb_1n.py for the search.
"""

import math
from collections.abc import Sequence

import numpy as np

from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.rates.thresholds import supports_far
from tf_sphereface.evaluation.rates.top_scores import RatePoint

RULE = "insightface"
NOTE = (
    "Rates are by InsightFace's rule: TAR at the nearest FAR of the ROC, which may be "
    "above the target, and of the search the share of probes that score above one of "
    "the strangers' highest scores in both galleries together."
)
_UNMEASURED = RatePoint(*[math.nan] * 3)


def rates_at_nearest_fars(
    genuine: np.ndarray, falling: np.ndarray, fars: Sequence[float]
) -> dict[float, RatePoint]:
    """TAR where the ROC's FAR is nearest to each target, be it above or below.

    The ROC is scikit-learn's, without its points on straight lines. Of points that are
    as near the larger FAR counts, and of those of one FAR the largest TAR.

    Args:
        genuine: Float (genuine pairs,); -inf is never accepted.
        falling: Float (impostor pairs,), all of them.
        fars: Targets in (0, 1].

    Returns: A point for each target; of NaN if one false acceptance is more than it.
    """
    from sklearn.metrics import roc_curve

    scores = np.concatenate([np.maximum(genuine, -2), falling])
    same = np.repeat([True, False], [len(genuine), len(falling)])
    seen, tars, thresholds = (values[::-1] for values in roc_curve(same, scores))
    above_all = np.nextafter(np.float32(scores.max()), np.float32(np.inf))
    points = {}
    for far in fars:
        nearest = int(np.argmin(np.abs(seen - far)))
        points[far] = _UNMEASURED
        if supports_far(len(falling), far):
            threshold = float(min(thresholds[nearest], above_all))
            points[far] = RatePoint(
                threshold, float(seen[nearest]), float(tars[nearest])
            )
    return points


def search_fars(probes: int, people: int, fpirs: Sequence[float]) -> tuple[float, ...]:
    """FARs of single scores with strangers, of which `rates_of_search` has need."""
    return tuple(math.ceil(fpir * probes) / (probes * people) for fpir in fpirs)


def rates_of_search(
    search: IdentificationReport, fpirs: Sequence[float]
) -> dict[float, RatePoint]:
    """Share of the probes whose score with their own person is above a threshold.

    Of n probes it is the ceil(n FPIR)-th largest of all scores with other people of the
    galleries, and has to be exceeded: that is one false alarm fewer than the target
    allows. Whether the own person comes first does not matter.

    Args:
        search: Of all probes in all galleries, with its largest impostor scores.
        fpirs: Targets in (0, 1].

    Returns: A point for each target; of NaN if there are fewer such scores.
    """
    count, points = len(search.mate_scores), {}
    for fpir in fpirs:
        place = math.ceil(count * fpir) - 1
        points[fpir] = _UNMEASURED
        if place < len(search.falling):
            barrier = np.float32(search.falling[place])
            points[fpir] = RatePoint(
                threshold=float(np.nextafter(barrier, np.float32(np.inf))),
                far=float((search.falling > barrier).sum() / count),
                tar=float((search.mate_scores > barrier).mean()),
            )
    return points
