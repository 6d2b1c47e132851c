"""Result of a verification, as values and as JSON."""

import dataclasses
import math

import numpy as np

from tf_sphereface.evaluation.pairs.people import PairPeople
from tf_sphereface.evaluation.rates.curves import angle_curves, rate_curves
from tf_sphereface.evaluation.rates.thresholds import OperatingThresholds
from tf_sphereface.evaluation.report_types import (
    Curve,
    PairError,
    Report,
    Table,
    percent,
    without_nan,
)
from tf_sphereface.evaluation.verification.results import (
    GroupRates,
    VerificationIntervals,
    groups_table,
)

_EXPLAINED = {
    "AUC": "Chance that a genuine pair scores above an impostor pair. 1 is perfect.",
    "EER": "Error rate where both kinds of error are equally frequent. 0 is perfect.",
}


@dataclasses.dataclass(frozen=True)
class VerificationReport(Report):
    """Result of `evaluate_verification`; rates as fractions, NaN where not measured.

    Args:
        fold_accuracies: Of each fold.
        fold_thresholds: Of each fold, for scores with the other folds' mean subtracted.
        auc: Area under the ROC of `scores`.
        eer: Equal error rate of `scores`.
        tar_at_far: TAR of `scores` by FAR target.
        operating: Thresholds for plain cosines, without a mean subtracted.
        notes: Sentences on what limits the result.
        scores: Float (pairs,), of the protocol; -1 or 1 where a photo is missing.
        plain_scores: Float (pairs,), plain cosines; NaN where a photo is missing.
        same: Bool (pairs,), genuine or impostor.
        fold: Integer (pairs,).
        right_calls: Bool (pairs,), judged rightly at the fold's threshold.
        missing_photos: Photos that were not found.
        source_kind: As `EmbeddingSource.kind`; None if only features were given, and
            so are the fields that follow.
        embedding_dim: Of the model, without the mirror image.
        mirror: Whether features are mirror-concatenated.
        milliseconds_per_face: Of one forward pass in a batch, without reading files.
        protocol: Name of the pair list's protocol, as `--protocol` takes it.
        rule: How the folds were judged: "sphereface" or "insightface".
        missing: What was done with pairs that lack a photo: "wrong" or "skip", or
            "error" if there could be none.
        people: Of the pairs.
        intervals: From `with_intervals`.
        groups: From `with_groups`.
        photo_pairs: The two photos of each pair; () if only features were given.
    """

    fold_accuracies: tuple[float, ...]
    fold_thresholds: tuple[float, ...]
    auc: float
    eer: float
    tar_at_far: dict[float, float]
    operating: OperatingThresholds
    notes: tuple[str, ...]
    scores: np.ndarray = dataclasses.field(repr=False, compare=False)
    plain_scores: np.ndarray = dataclasses.field(repr=False, compare=False)
    same: np.ndarray = dataclasses.field(repr=False, compare=False)
    fold: np.ndarray = dataclasses.field(repr=False, compare=False)
    right_calls: np.ndarray = dataclasses.field(repr=False, compare=False)
    missing_photos: tuple[str, ...] = ()
    source_kind: str | None = None
    embedding_dim: int | None = None
    mirror: bool | None = None
    milliseconds_per_face: float | None = None
    protocol: str = "lfw"
    rule: str = "sphereface"
    missing: str = "wrong"
    people: PairPeople | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    intervals: VerificationIntervals | None = None
    groups: tuple[GroupRates, ...] = ()
    photo_pairs: tuple[tuple[str, str], ...] = dataclasses.field(
        default=(), repr=False, compare=False
    )

    @property
    def accuracy(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.fold_accuracies))

    @property
    def accuracy_std(self) -> float:
        """Standard deviation over the folds (divisor: their number)."""
        return float(np.std(self.fold_accuracies))

    @property
    def accuracy_standard_error(self) -> float:
        """Standard error of the mean, as LFW's own tables give it."""
        folds = len(self.fold_accuracies)
        return float(np.std(self.fold_accuracies, ddof=1) / math.sqrt(folds))

    @property
    def protocol_threshold(self) -> float:
        """Mean of the folds' thresholds, for plots."""
        return float(np.mean(self.fold_thresholds))

    def headline(self) -> list[tuple[str, str]]:
        """As `Report.headline`; of the FARs that were not measured the largest only."""
        rates = sorted(self.tar_at_far.items(), reverse=True)
        measured = sum(not math.isnan(tar) for _, tar in rates)
        return [
            ("Accuracy", percent(self.accuracy)),
            ("AUC", f"{self.auc:.4f}"),
            ("EER", percent(self.eer)),
            *(
                (f"TAR at FAR {far:g}", percent(tar))
                for far, tar in rates[: measured + 1]
            ),
        ]

    page_template = "evaluation/verification/page.html"

    def headline_intervals(self) -> dict[str, str]:
        """As `Report.headline_intervals`, where they are known."""
        found = self.intervals
        if found is None:
            return {}
        rates = {f"TAR at FAR {far:g}": of for far, of in found.tar_at_far.items()}
        bounds = {"Accuracy": found.accuracy, "AUC": found.auc, "EER": found.eer}
        return {
            label: " to ".join(
                f"{value:.4f}" if label == "AUC" else percent(value) for value in of
            )
            for label, of in (bounds | rates).items()
            if not math.isnan(of.low)
        }

    def explanations(self) -> dict[str, str]:
        """As `Report.explanations`, with the intervals."""
        both = ~np.isnan(self.plain_scores)  # those with both photos decide
        impostors = int(np.count_nonzero(both & ~self.same))
        spread = percent(self.accuracy_std)
        texts = {
            **_EXPLAINED,
            "Accuracy": f"± {spread} between folds. A coin gives 50 %.",
            **{
                f"TAR at FAR {far:g}": _tar_text(far, tar, impostors)
                for far, tar in self.tar_at_far.items()
            },
        }
        for label, bounds in self.headline_intervals().items():
            texts[label] += f" {self.intervals.confidence:.0%} interval {bounds}."
        return texts

    def page_values(self) -> dict:
        """The plots and tables of page.html."""
        # Here, since plots load Matplotlib.
        from tf_sphereface.evaluation.verification.page import verification_values

        return verification_values(self)

    def verdict(self) -> str:
        """Effect of the threshold of the smallest measured FAR, in plain words."""
        points = [p for p in self.operating.at_far if not math.isnan(p.threshold)]
        if not points:
            return ""
        point = min(points, key=lambda point: point.far_target)
        strangers = (
            f"1 of {1 / point.far:,.0f}" if point.far else "none of the measured"
        )
        return (
            f"At the threshold {point.threshold:.4f} (cosine), {strangers} pairs of "
            "strangers is accepted as one person, and of 1,000 pairs of one person "
            f"{1000 * (1 - point.tar):,.0f} are rejected."
        )

    def curves(self) -> list[Curve]:
        """ROC and DET of `scores`, and the angles of `plain_scores`."""
        return [
            *rate_curves(self.scores, self.same),
            *angle_curves(self.plain_scores, self.same),
        ]

    def tables(self) -> list[Table]:
        """The rates of groups of people."""
        return [groups_table(self.groups)] if self.groups else []

    def worst_errors(self, most: int = 10) -> list[PairError]:
        """The pairs that the threshold of the best accuracy judges most wrongly.

        Args:
            most: Of either kind.

        Returns: Strangers accepted, the most alike first, then people rejected, the
            least alike first, by plain cosines; [] without `photo_pairs`.
        """
        if not self.photo_pairs:
            return []
        threshold, scores = self.operating.accuracy.threshold, self.plain_scores
        order = np.argsort(scores, kind="stable")
        accepted = order[(scores >= threshold)[order] & ~self.same[order]][::-1]
        rejected = order[(scores < threshold)[order] & self.same[order]]
        return [
            PairError(*self.photo_pairs[row], bool(self.same[row]), float(scores[row]))
            for row in (*accepted[:most], *rejected[:most])
        ]

    def counts(self) -> dict[str, int]:
        return {
            "folds": len(self.fold_accuracies),
            "pairs": len(self.same),
            "genuine": int(np.count_nonzero(self.same)),
            "impostor": int(np.count_nonzero(~self.same)),
            "pairs_with_a_missing_photo": int(np.isnan(self.plain_scores).sum()),
            "missing_photos": len(self.missing_photos),
        }

    def summary(self) -> dict:
        """The figures that matter most, ready for JSON: NaN is None."""
        return without_nan(
            {
                "accuracy": self.accuracy,
                "accuracy_std": self.accuracy_std,
                "auc": self.auc,
                "eer": self.eer,
                "tar_at_far": [
                    {"far": far, "tar": tar} for far, tar in self.tar_at_far.items()
                ],
                "counts": self.counts(),
                "operating_thresholds": dataclasses.asdict(self.operating),
                "intervals": self.intervals and self.intervals.to_json(),
                "groups": [group.to_json() for group in self.groups],
                "milliseconds_per_face": self.milliseconds_per_face,
                "notes": self.notes,
            }
        )

    def to_json(self) -> dict:
        """Everything but the scores of all pairs, ready for `json.dumps`."""
        return {
            "protocol": self.protocol,
            "rule": self.rule,
            "missing": self.missing,
            "mirror": self.mirror,
            "embedding_dim": self.embedding_dim,
            **self.summary(),
            "accuracy_standard_error": without_nan(self.accuracy_standard_error),
            "protocol_folds": without_nan(
                [
                    {"accuracy": accuracy, "threshold": threshold}
                    for accuracy, threshold in zip(
                        self.fold_accuracies, self.fold_thresholds, strict=True
                    )
                ]
            ),
            "worst_errors": [error._asdict() for error in self.worst_errors()],
            "missing_photos": list(self.missing_photos),
        }


def _tar_text(far, tar, impostors):
    one_in = f"{1 / far:,.0f}"
    if math.isnan(tar):
        return f"This takes {one_in} impostor pairs at least; these are {impostors:,}."
    return f"Genuine pairs accepted when 1 in {one_in} impostor pairs gets through."
