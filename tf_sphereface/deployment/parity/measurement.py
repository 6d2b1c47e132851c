"""Records of a bundle from the reports of an evaluation."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from tf_sphereface.bundle.bundle import Bundle, load_bundle
from tf_sphereface.bundle.calibration import (
    Calibration,
    ProbabilityMap,
    ThresholdInterval,
)
from tf_sphereface.bundle.contract import file_record, threshold_key
from tf_sphereface.bundle.records import (
    Identification,
    VariantMeasurement,
    Verification,
)
from tf_sphereface.bundle.schema import SCHEMA_FILE, schema_content
from tf_sphereface.bundle.signatures import SIGNATURE_FILE
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.whole_folders import link_all


class Measure:
    """Measurements of variants, by functions that evaluate them.

    Args:
        plain: Given an embedding source, returns its `VerificationReport`.
        cross_variant: Given two sources that `plain` had, gallery and probe, returns
            the report of pairs of a gallery face and a probe.
        pairs: Description of the pairs, for the model card, or None.
        images: Folder of the pairs' crops, or None if not known.
        identify: Given the sources of gallery and probes, which `plain` had, returns
            the `IdentificationReport` of an open-set search; None measures none.
    """

    def __init__(
        self,
        plain: Callable,
        cross_variant: Callable,
        pairs: str | None = None,
        images: Path | None = None,
        identify: Callable | None = None,
    ):
        self._plain, self._cross_variant = plain, cross_variant
        self._identify = identify
        self.pairs, self.images = pairs, images

    def plain(self, source) -> VariantMeasurement:
        """Measurement of a variant alone."""
        return self._with_search(measurement_of(self._plain(source)), source, source)

    def cross_variant(self, gallery, probe) -> VariantMeasurement:
        """Measurement of a gallery of one variant and probes of another."""
        measured = measurement_of(self._cross_variant(gallery, probe))
        return self._with_search(measured, gallery, probe)

    def _with_search(self, measured, gallery, probe):
        if self._identify is None:
            return measured
        found = identification_of(self._identify(gallery, probe))
        return measured.model_copy(update={"identification": found})


def identification_of(report) -> Identification:
    """The record of an open-set search.

    Args:
        report: An `IdentificationReport`.
    """
    return Identification(
        people=report.counts["gallery_people"],
        probes=report.counts["trials"],
        unknown_probes=report.counts["unknown_probes"],
        rank_1=report.rank_1,
        dir_at_far={
            threshold_key(far): point.tar
            for far, point in report.dir_at_fpir.items()
            if math.isfinite(point.threshold)
        },
    )


def measurement_of(report) -> VariantMeasurement:
    """The record of a verification.

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
    """The record of a calibration.

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


def _measured(measurement):
    """The fields that were measured: pairs alone leave the search as it is."""
    return {key: value for key, value in dict(measurement).items() if value is not None}


def write_calibrations(
    bundle: Bundle,
    measured: Mapping[str, tuple[VariantMeasurement, Calibration]],
    folder: Path,
) -> Bundle:
    """Copies a bundle, with measurements of variants in the contract.

    The contract is written in the present format, and its schema with it; the other
    files are the bundle's own. A signature is left out: it was of the former contract.

    Args:
        bundle: What `load_bundle` gave.
        measured: For some or all variants; what was measured before is replaced.
        folder: Empty, of `whole_folders.changing`: it takes the place of the bundle,
            so that contract and checksum change at once.

    Returns: The new bundle, by the path of the old.
    Raises: InputError if there is no such variant; OSError if the folder is not
        writable.
    """
    variants = dict(bundle.contract.variants)
    for name, (measurement, calibration) in measured.items():
        variants[name] = bundle.variant(name).model_copy(
            update={**_measured(measurement), "calibration": calibration}
        )
    link_all(bundle.path, folder)
    write_atomically(folder / SCHEMA_FILE, schema_content())
    documents = {
        **bundle.contract.documents,
        "schema": file_record(folder, SCHEMA_FILE),
    }
    contract = bundle.contract.model_copy(
        update={"variants": variants, "documents": documents}
    )
    (folder / SIGNATURE_FILE).unlink(missing_ok=True)
    contract.write(folder / CONTRACT_FILE)
    load_bundle(folder)
    return Bundle(bundle.path, contract)
