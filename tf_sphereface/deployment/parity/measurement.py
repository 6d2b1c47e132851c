"""From an evaluation's report to what a bundle says of a variant."""

import math
from collections.abc import Callable, Mapping

from tf_sphereface.bundle.bundle import Bundle, load_bundle
from tf_sphereface.bundle.calibration import (
    Calibration,
    ProbabilityMap,
    ThresholdInterval,
)
from tf_sphereface.bundle.contract import CONTRACT_FILE, threshold_key
from tf_sphereface.bundle.records import VariantMeasurement, Verification
from tf_sphereface.errors import InputError


class Measure:
    """What a bundle is told of its variants, by functions that evaluate them.

    Args:
        plain: Given an embedding source, returns its `VerificationReport`.
        mixed: Given two sources that `plain` had, gallery and probe, returns the report
            of pairs of a gallery face and a probe.
        pairs: What the pairs are, for the model card; None if nobody says.
    """

    def __init__(self, plain: Callable, mixed: Callable, pairs: str | None = None):
        self._plain, self._mixed, self.pairs = plain, mixed, pairs

    def plain(self, source) -> VariantMeasurement:
        """Of a variant alone."""
        return measurement_of(self._plain(source))

    def mixed(self, gallery, probe) -> VariantMeasurement:
        """Of a gallery of one variant and probes of another."""
        return measurement_of(self._mixed(gallery, probe))


def measurement_of(report) -> VariantMeasurement:
    """What a bundle says of a verification.

    Accuracy is the protocol's. Thresholds, and the TAR at them, are of plain cosines,
    as a phone computes them; a FAR for which the pairs do not suffice is left out.

    Args:
        report: A `VerificationReport`.
    """
    points = {
        threshold_key(far): point
        for far, point in zip(report.tar_at_far, report.operating.at_far, strict=True)
        if math.isfinite(point.threshold)
    }
    thresholds = {key: point.threshold for key, point in points.items()}
    return VariantMeasurement(
        verification=Verification(
            pairs=len(report.same),
            accuracy=report.accuracy,
            tar_at_far={key: point.tar for key, point in points.items()},
        ),
        thresholds={"accuracy": report.operating.accuracy.threshold, **thresholds},
    )


def calibration_of(calibrated) -> Calibration:
    """What a bundle says of a calibration.

    Args:
        calibrated: A `ScoreCalibration`.

    Raises: InputError if higher scores are not more alike.
    """
    if calibrated.slope <= 0:
        raise InputError(
            "the scores do not tell people apart: genuine pairs score no higher than "
            "impostor pairs, so that no probability can be given"
        )
    report, limit = calibrated.report, calibrated.different_below
    pairs = zip(report.same, report.plain_scores, strict=True)
    kinds = [bool(same) for same, score in pairs if not math.isnan(score)]
    return Calibration(
        genuine=sum(kinds),
        impostor=len(kinds) - sum(kinds),
        people=report.intervals.people,
        confidence=report.intervals.confidence,
        threshold_intervals={
            threshold_key(point.far_target): ThresholdInterval(
                low=point.threshold.low, high=point.threshold.high
            )
            for point in report.intervals.at_far
            if math.isfinite(point.threshold.low)
        },
        probability=ProbabilityMap(
            slope=calibrated.slope, intercept=calibrated.intercept
        ),
        frr_target=calibrated.frr_target,
        different_below=None if math.isnan(limit) else limit,
    )


def write_calibrations(
    bundle: Bundle, measured: Mapping[str, tuple[VariantMeasurement, Calibration]]
) -> Bundle:
    """Puts measurements of variants into the contract of a bundle.

    No other file changes, so that golden files and checksums stay what they are.

    Args:
        bundle: What `load_bundle` gave.
        measured: For some or all variants; what was measured before is replaced.

    Returns: The bundle as it is now.
    Raises: InputError if there is no such variant; OSError if the contract is not
        writable.
    """
    variants = dict(bundle.contract.variants)
    for name, (measurement, calibration) in measured.items():
        variants[name] = bundle.variant(name).model_copy(
            update={**dict(measurement), "calibration": calibration}
        )
    contract = bundle.contract.model_copy(update={"variants": variants})
    contract.write(bundle.path / CONTRACT_FILE)
    return load_bundle(bundle.path)
