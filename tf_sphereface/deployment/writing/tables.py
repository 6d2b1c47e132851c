"""The figures of a bundle's variants as text, for tables and model cards."""

from tf_sphereface.bundle.contract import BundleContract, threshold_key
from tf_sphereface.bundle.records import Variant, VariantMeasurement

HEADINGS = (
    "variant",
    "MB",
    "rank 1",
    "DIR at FAR 1 %",
    "DIR, float gallery",
    "mean cosine",
    "p01 cosine",
    "min cosine",
    "rank-1 agreement",
    "agreement, float gallery",
    "accuracy",
    "gate",
    "least TFLite",
)


def variant_rows(contract: BundleContract) -> list[tuple[str, ...]]:
    """A row of `HEADINGS` for each variant; "-" is what was not measured."""
    return [
        (
            name + (" (default)" if name == contract.default_variant else ""),
            f"{variant.bytes / 1e6:.2f}",
            *_figures(variant),
            "passed" if variant.gate.passed else "FAILED",
            variant.runtime.tensorflow_lite if variant.runtime else "-",
        )
        for name, variant in contract.variants.items()
    ]


def _figures(variant: Variant):
    drift, rank, measured = variant.drift, variant.rank, variant.verification
    search, cross = variant.identification, variant.cross_variant
    cosines = (drift.mean_cosine, drift.p01_cosine, drift.min_cosine)
    return (
        _rate(search and search.rank_1),
        _rate(_dir(search)),
        _rate(_dir(cross and cross.identification)),
        *(f"{cosine:.5f}" for cosine in cosines),
        _rate(rank and rank.same_gallery),
        _rate(rank and rank.float_gallery),
        _rate(measured and measured.accuracy),
    )


def _dir(search):
    return search and search.dir_at_far.get(threshold_key(0.01))


def _rate(rate):
    return "-" if rate is None else f"{rate:.4f}"


def failed_gates(contract: BundleContract) -> dict[str, tuple[str, ...]]:
    """Failures of the gate, by the variant."""
    return {
        name: variant.gate.failures
        for name, variant in contract.variants.items()
        if not variant.gate.passed
    }


def threshold_rows(contract: BundleContract) -> list[tuple[str, ...]]:
    """(variant, gallery, key, threshold, TAR at it) of all that was measured."""
    rows = []
    for name, variant in contract.variants.items():
        sources = {"same variant": variant, "float variant": variant.cross_variant}
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


_MIRRORS = {
    "none": "the embedding of the crop",
    "concat": "the embedding of the crop, followed by that of its mirror image",
    "mean": "the mean of the embeddings of the crop and of its mirror image",
}
_STEPS = {
    "pixels": "normalisation (give uint8 RGB)",
    "mirror": "mirror image",
    "l2": "length 1",
}


def variant_table(contract: BundleContract) -> str:
    """The variants with size, drift, rank agreement, accuracy and gate."""
    rows = [
        tuple("**FAILED**" if cell == "FAILED" else cell for cell in row)
        for row in variant_rows(contract)
    ]
    return _table(HEADINGS, rows)


def threshold_table(contract: BundleContract) -> str:
    """Thresholds and TAR, with a gallery of the same and of the float variant."""
    headings = ("variant", "gallery", "threshold", "cosine", "TAR")
    return _table(headings, threshold_rows(contract))


def contract_table(contract: BundleContract) -> str:
    """Steps from a photo to a feature, and those that the files do themselves."""
    pixels, feature = contract.pixels, contract.feature
    inside = [_STEPS[step] for step in feature.inside]
    points = ", ".join(f"({x:g}, {y:g})" for x, y in contract.landmark_template)
    rows = [
        ("crop", f"{pixels.height} x {pixels.width} pixels (height x width)"),
        ("landmarks in it (x, y)", points),
        ("least squares of their fit", f"in the {contract.landmark_fit}"),
        ("channels", pixels.channel_order),
        ("pixels", pixels.arithmetic),
        ("inside the files", ", ".join(inside) or "the network alone"),
        ("feature", f"{_MIRRORS[feature.mirror]}: {contract.feature_dim} numbers"),
        ("score", "cosine of two features"),
        ("default variant", contract.default_variant),
        ("model", f"SHA-256 {contract.model.sha256}"),
        ("written by", f"tf_sphereface {contract.library_version}"),
    ]
    return _table(("what", "value"), rows)


def _table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
