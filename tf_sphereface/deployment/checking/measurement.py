"""The measurements in a contract, compared with new ones."""

from pathlib import Path

from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.records import (
    Drift,
    Variant,
    VariantMeasurement,
)
from tf_sphereface.files import sha256_of
from tf_sphereface.model_files import export_file

# The same files on the same crops, but perhaps on another processor.
DRIFT_TOLERANCE = 0.002  # of mean and first percentile of the cosines
WORST_TOLERANCE = 0.01  # of the least cosine
RATE_TOLERANCE = 0.002  # of accuracy; TAR is of one kind of pairs, hence twice that
THRESHOLD_TOLERANCE = 0.002  # cosine


def measure_drifts(
    bundle: Bundle, model_path: Path, variants: list[str], crops_dir: Path | None
) -> dict[str, Drift]:
    """Drift of variants from the Keras model, on the crops that the export compares.

    Loads TensorFlow.

    Args:
        bundle: With the variants.
        model_path: `.keras` file or run folder.
        variants: Names.
        crops_dir: The folder of aligned faces that the export was given for
            calibration; None for the rendered faces.

    Raises: InputError if the model or the folder is unusable, or they do not fit.
    """
    from tf_sphereface.deployment.parity.drift import measure_drift
    from tf_sphereface.deployment.parity.keras_features import held_out_crops
    from tf_sphereface.deployment.sources import reference_of

    contract = bundle.contract
    crops = held_out_crops(contract.pixels, crops_dir)
    reference = reference_of(model_path, contract)(crops)
    return {
        name: measure_drift(reference, bundle.embedder(name).embed(crops))
        for name in variants
    }


def model_differences(bundle: Bundle, model_path: Path) -> list[str]:
    """Difference between the model's checksum and that of the exported one."""
    file = export_file(model_path)
    if sha256_of(file) == bundle.contract.model.sha256:
        return []
    return [f"{file}: not the model that was exported (its checksum differs)"]


def drift_differences(name: str, expected: Drift, found: Drift) -> list[str]:
    """Lines on each statistic that is beyond its tolerance."""
    if found.crops != expected.crops:
        return [
            f"{name}: its drift is of {expected.crops} crops, these are {found.crops}; "
            "give the folder that the export was given with --calibration"
        ]
    tolerances = {
        "mean_cosine": DRIFT_TOLERANCE,
        "p01_cosine": DRIFT_TOLERANCE,
        "min_cosine": WORST_TOLERANCE,
    }
    pairs = {
        key: (getattr(expected, key), getattr(found, key), tolerance)
        for key, tolerance in tolerances.items()
    }
    return _beyond(name, pairs)


def measurement_differences(
    name: str, expected: Variant, found: VariantMeasurement
) -> list[str]:
    """Lines on accuracy, rates and thresholds beyond their tolerances.

    Args:
        name: Of the variant.
        expected: With its `verification` and `thresholds`.
        found: Measured again on the same pairs.
    """
    if expected.verification is None or expected.thresholds is None:
        return [f"{name}: the contract has no measurement to compare with"]
    said, again = expected.verification, found.verification
    if said.pairs != again.pairs:
        return [f"{name}: measured on {said.pairs} pairs, these are {again.pairs}"]
    pairs = {"accuracy": (said.accuracy, again.accuracy, RATE_TOLERANCE)}
    for key in sorted({*said.tar_at_far, *again.tar_at_far}):
        pairs[f"TAR at {key}"] = (
            said.tar_at_far.get(key),
            again.tar_at_far.get(key),
            2 * RATE_TOLERANCE,
        )
    for key in sorted({*expected.thresholds, *found.thresholds}):
        pairs[f"threshold {key}"] = (
            expected.thresholds.get(key),
            found.thresholds.get(key),
            THRESHOLD_TOLERANCE,
        )
    return _beyond(name, pairs)


def measured_fars(variant: Variant) -> list[float]:
    """The FARs that a variant has thresholds of, largest first."""
    keys = variant.thresholds or {}
    fars = [float(key[len("far_") :]) for key in keys if key.startswith("far_")]
    return sorted(fars, reverse=True)


def _beyond(name, pairs):
    lines = []
    for what, (said, found, tolerance) in pairs.items():
        if said is None or found is None:
            where = "now" if said is None else "in the contract"
            lines.append(f"{name}: {what} is known {where} only")
        elif not abs(said - found) <= tolerance:
            lines.append(
                f"{name}: {what} is {found:.6f}, the contract says {said:.6f}; the "
                f"tolerance is {tolerance:g}"
            )
    return lines
