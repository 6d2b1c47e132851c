"""Result of an evaluation of templates."""

import dataclasses
import math

import numpy as np

from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
    rate_curves,
    rates_json,
)
from tf_sphereface.evaluation.rates.top_scores import RatePoint
from tf_sphereface.evaluation.report_types import Curve, Report, percent, without_nan


@dataclasses.dataclass(frozen=True)
class TemplateReport(Report):
    """Result of `evaluate_templates`; rates as fractions, NaN where not measured.

    Args:
        tar_at_far: Verification of the pairs, by FAR target; {} without pairs.
        closed: Ranks in all galleries together; None without galleries.
        open: Open set, in each gallery by itself.
        searched: By InsightFace's rule, in place of it: the share of the probes above
            a threshold, by FPIR target.
        counts: Numbers by what is counted.
        notes: Sentences on what limits the result.
        genuine: Float32 (genuine pairs,), scores; -inf if a template has no photo.
        falling: Float32 (impostor pairs,), scores, falling; 1 if a template has no
            photo.
    """

    tar_at_far: dict[float, RatePoint]
    closed: IdentificationReport | None
    open: tuple[IdentificationReport, ...]
    counts: dict[str, int]
    notes: tuple[str, ...]
    searched: dict[float, RatePoint] = dataclasses.field(default_factory=dict)
    missing_photos: tuple[str, ...] = ()
    genuine: np.ndarray = dataclasses.field(repr=False, compare=False, default=())
    falling: np.ndarray = dataclasses.field(repr=False, compare=False, default=())

    protocol = "ijb"

    def dir_at_fpir(self) -> dict[float, float]:
        """Mean of the galleries' DIR at rank 1, by FPIR target; FNIR is 1 minus it."""
        if self.searched:
            return {fpir: point.tar for fpir, point in self.searched.items()}
        return {
            fpir: float(np.mean([part.dir_at_fpir[fpir].tar for part in self.open]))
            for fpir in (self.open[0].dir_at_fpir if self.open else ())
            if all(fpir in part.dir_at_fpir for part in self.open)
        }

    def headline(self) -> list[tuple[str, str]]:
        figures = [
            (f"TAR at FAR {far:g}", percent(point.tar))
            for far, point in self.tar_at_far.items()
        ]
        if self.closed is not None:
            figures += [
                (f"rank {rank}", percent(rate))
                for rank, rate in self.closed.rank_rates().items()
                if rank <= 10
            ]
        figures += [
            (f"FNIR at FPIR {fpir:g}", percent(1 - rate))
            for fpir, rate in self.dir_at_fpir().items()
        ]
        return figures

    def verdict(self) -> str:
        """Effect of the smallest measured FAR, in plain words."""
        known = {far: p for far, p in self.tar_at_far.items() if not math.isnan(p.tar)}
        if not known:
            return ""
        far = min(known)
        return (
            f"Where 1 of {1 / far:,.0f} pairs of strangers is accepted, of 1,000 pairs "
            f"of one person's templates {1000 * (1 - known[far].tar):,.0f} are "
            "rejected."
        )

    def curves(self) -> list[Curve]:
        curves = rate_curves(
            "ROC", "roc", self.genuine, self.falling, len(self.falling)
        )
        if self.closed is not None:
            curves += [c for c in self.closed.curves() if c.kind == "cmc"]
        for number, part in enumerate(self.open, start=1):
            curves += [
                dataclasses.replace(curve, name=f"gallery {number}")
                for curve in part.curves()
                if curve.kind == "dir"
            ]
        return curves

    def summary(self) -> dict:
        """The figures that matter most, ready for JSON: NaN is None."""
        return without_nan(
            {
                "tar_at_far": rates_json(self.tar_at_far, "far", "tar"),
                "closed_set": self.closed and self.closed.summary(),
                "dir_at_fpir": [
                    {"fpir": fpir, "dir": rate, "fnir": 1 - rate}
                    for fpir, rate in self.dir_at_fpir().items()
                ],
                "counts": self.counts,
                "notes": list(self.notes),
            }
        )

    def to_json(self) -> dict:
        """Everything but the scores, ready for `json.dumps`."""
        return {
            "protocol": self.protocol,
            **self.summary(),
            "open_sets": [part.to_json() for part in self.open],
            "searched": without_nan(rates_json(self.searched, "fpir", "dir")),
            "missing_photos": list(self.missing_photos),
        }
