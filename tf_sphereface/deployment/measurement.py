"""From an evaluation's report to what a bundle says of a variant."""

import math
from collections.abc import Callable

from tf_sphereface.deployment.contract import (
    VariantMeasurement,
    Verification,
    threshold_key,
)


def measured_by(evaluate: Callable) -> Callable:
    """The `measure` of `export_bundle`, from a function that evaluates a variant.

    Accuracy is the protocol's. Thresholds, and the TAR at them, are of plain cosines,
    as a phone computes them; a FAR for which the pairs do not suffice is left out.

    Args:
        evaluate: Given an embedding source, returns its `VerificationReport`.
    """

    def measure(source) -> VariantMeasurement:
        report = evaluate(source)
        points = {
            threshold_key(far): point
            for far, point in zip(
                report.tar_at_far, report.operating.at_far, strict=True
            )
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

    return measure
