"""Result of an identification as values, JSON, headline figures and curves."""

import dataclasses
import math

import numpy as np

from tf_sphereface.evaluation.rates.top_scores import RatePoint, rates_at_fars
from tf_sphereface.evaluation.report_types import Curve, Report, percent, without_nan

SHOWN_RANKS = (1, 5, 10, 20, 100)
_POINTS = 200  # of a curve


@dataclasses.dataclass(frozen=True)
class IdentificationReport(Report):
    """Result of `evaluate_identification`; rates as fractions, NaN where not measured.

    Args:
        protocol: Name, as `--protocol` takes it.
        cmc: Share of the trials whose person is among the first 1, 2, ... of the
            gallery and the distractors.
        tar_at_far: Verification of the same scores, by FAR target.
        dir_at_fpir: Open set, by FPIR target: share of the trials that are recognised
            at rank 1 with a score above a threshold at which as many of the people
            whom the gallery does not know are taken for someone. FNIR is 1 minus it.
        counts: Numbers by what is counted.
        notes: Sentences on what limits the result.
        missing_photos: Names of photos that were not found.
        mate_scores: Float32 (trials,), with the own person; -inf if a photo is missing.
        ranks: Int (trials,); 0 for a missing photo. Exact up to the length of `cmc`.
        stranger_scores: Float32 (strangers,), highest score of each probe that the
            gallery does not know.
        falling: Float32, the largest impostor scores, falling.
    """

    protocol: str
    cmc: tuple[float, ...]
    tar_at_far: dict[float, RatePoint]
    dir_at_fpir: dict[float, RatePoint]
    counts: dict[str, int]
    notes: tuple[str, ...]
    missing_photos: tuple[str, ...] = ()
    mate_scores: np.ndarray = dataclasses.field(repr=False, compare=False, default=())
    ranks: np.ndarray = dataclasses.field(repr=False, compare=False, default=())
    stranger_scores: np.ndarray = dataclasses.field(
        repr=False, compare=False, default=()
    )
    falling: np.ndarray = dataclasses.field(repr=False, compare=False, default=())

    @property
    def rank_1(self) -> float:
        """Share of the trials whose person comes first."""
        return self.cmc[0]

    def rank_rates(self) -> dict[int, float]:
        """Share of the trials up to the usual ranks."""
        return {rank: self.cmc[rank - 1] for rank in SHOWN_RANKS if rank <= self.length}

    @property
    def length(self) -> int:
        """Ranks that `cmc` reaches."""
        return len(self.cmc)

    def headline(self) -> list[tuple[str, str]]:
        figures = [("rank 1", percent(self.rank_1))]
        figures += [
            (f"TAR at FAR {far:g}", percent(point.tar))
            for far, point in self.tar_at_far.items()
        ]
        figures += [
            (f"DIR at FPIR {fpir:g}", percent(point.tar))
            for fpir, point in self.dir_at_fpir.items()
        ]
        return figures

    def verdict(self) -> str:
        """The share of the probes that are named rightly, in plain words."""
        if math.isnan(self.rank_1):
            return ""
        return (
            f"Of 1,000 probes, {1000 * self.rank_1:,.0f} are nearest to a photo of "
            "their own person."
        )

    def curves(self) -> list[Curve]:
        ranks = np.unique(np.geomspace(1, self.length, _POINTS).astype(int))
        cmc = Curve("CMC", "cmc", ranks, np.array(self.cmc)[ranks - 1])
        curves = [cmc] if self.length > 1 else []  # a point is no line
        pairs = self.counts["impostor_pairs"]
        if pairs and self.tar_at_far:
            reach = min(len(self.falling) / pairs, 1)
            # The rest of the ROC would take scores that were not kept.
            name = "ROC" if reach == 1 else f"ROC up to FAR {reach:.1g}"
            curves += rate_curves(name, "roc", self.mate_scores, self.falling, pairs)
        if self.dir_at_fpir:
            found = np.where(self.ranks == 1, self.mate_scores, -np.inf)
            strangers = np.sort(self.stranger_scores)[::-1]
            name = "rank 1 and above the threshold"
            curves += rate_curves(name, "dir", found, strangers, len(strangers))
        return curves

    def summary(self) -> dict:
        """The figures that matter most, ready for JSON: NaN is None."""
        return without_nan(
            {
                "rank_1": self.rank_1,
                "ranks": [
                    {"rank": rank, "rate": rate}
                    for rank, rate in self.rank_rates().items()
                ],
                "tar_at_far": rates_json(self.tar_at_far, "far", "tar"),
                "dir_at_fpir": rates_json(self.dir_at_fpir, "fpir", "dir"),
                "counts": self.counts,
                "notes": list(self.notes),
            }
        )

    def to_json(self) -> dict:
        """Everything but the scores, ready for `json.dumps`."""
        return {
            "protocol": self.protocol,
            **self.summary(),
            "cmc": without_nan(list(self.cmc)),
            "missing_photos": list(self.missing_photos),
        }


def rates_json(points: dict[float, RatePoint], target: str, rate: str) -> list[dict]:
    """Points by target, under the names that target and rate have."""
    return [
        {
            target: value,
            rate: point.tar,
            "threshold": point.threshold,
            f"measured_{target}": point.far,
        }
        for value, point in points.items()
    ]


def rate_curves(
    name: str, kind: str, genuine: np.ndarray, falling: np.ndarray, impostors: int
) -> list[Curve]:
    """TAR over FAR at as many thresholds as a plot needs; [] if no FAR is above 0.

    Args:
        name: Of the curve.
        kind: Of the curve.
        genuine: As for `rates_at_fars`.
        falling: As for `rates_at_fars`; the curve reaches as far as these do.
        impostors: As for `rates_at_fars`.
    """
    if not len(genuine) or not len(falling):
        return []
    reach = len(falling) if len(falling) == impostors else len(falling) - 1
    accepted = np.unique(np.geomspace(1, max(reach, 1), _POINTS).astype(int))
    points = rates_at_fars(genuine, falling, impostors, accepted / impostors)
    points = [point for point in points.values() if not np.isnan(point.tar)]
    fars, places = np.unique([point.far for point in points], return_index=True)
    tars = np.array([point.tar for point in points])
    # FAR is drawn on a logarithmic axis, which has no 0.
    return [Curve(name, kind, fars, tars[places])] if fars.any() else []
