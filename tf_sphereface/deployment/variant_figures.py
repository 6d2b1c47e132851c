"""The figures of a bundle's variants as text, for tables and model cards."""

from tf_sphereface.deployment.contract import BundleContract
from tf_sphereface.deployment.contract_parts import Variant, VariantMeasurement

HEADINGS = (
    "variant",
    "MB",
    "mean cosine",
    "p01 cosine",
    "min cosine",
    "rank-1",
    "rank-1, float gallery",
    "accuracy",
    "gate",
)


def variant_rows(contract: BundleContract) -> list[tuple[str, ...]]:
    """A row of `HEADINGS` for each variant; "-" is what was not measured."""
    return [
        (
            name + (" (default)" if name == contract.default_variant else ""),
            f"{variant.bytes / 1e6:.2f}",
            *_figures(variant),
            "passed" if variant.gate.passed else "FAILED",
        )
        for name, variant in contract.variants.items()
    ]


def _figures(variant: Variant):
    drift, rank, measured = variant.drift, variant.rank, variant.verification
    cosines = (drift.mean_cosine, drift.p01_cosine, drift.min_cosine)
    return (
        *(f"{cosine:.5f}" for cosine in cosines),
        "-" if rank is None else f"{rank.same_gallery:.4f}",
        "-" if rank is None else f"{rank.float_gallery:.4f}",
        "-" if measured is None else f"{measured.accuracy:.4f}",
    )


def failed_gates(contract: BundleContract) -> dict[str, tuple[str, ...]]:
    """What failed, by the variant; those of the detector are "detector NAME"."""
    gates = {name: variant.gate for name, variant in contract.variants.items()}
    for name, variant in contract.detector.variants.items():
        gates[f"detector {name}"] = variant.gate
    return {name: gate.failures for name, gate in gates.items() if not gate.passed}


def threshold_rows(contract: BundleContract) -> list[tuple[str, ...]]:
    """(variant, gallery, key, threshold, TAR at it) of all that was measured."""
    rows = []
    for name, variant in contract.variants.items():
        sources = {"same variant": variant, "float variant": variant.mixed}
        for gallery, measured in sources.items():
            rows += _thresholds_of(name, gallery, measured)
    return rows


def _thresholds_of(
    name: str, gallery: str, measured: Variant | VariantMeasurement | None
):
    if measured is None or measured.thresholds is None:
        return
    rates = measured.verification.tar_at_far if measured.verification else {}
    for key, threshold in measured.thresholds.items():
        rate = f"{rates[key]:.4f}" if key in rates else "-"
        yield name, gallery, key, f"{threshold:.4f}", rate
