"""The gate: limits on what a variant may lose against the float model."""

import dataclasses

from tf_sphereface.bundle.contract import threshold_key
from tf_sphereface.bundle.records import (
    Drift,
    Gate,
    RankAgreement,
    VariantMeasurement,
)
from tf_sphereface.bundle.variants import is_exact
from tf_sphereface.deployment.parity.drift import LEAST_EXACT_COSINE

_DIR_FAR = 0.01
_LEAST_ALARMS = 5  # of unknown probes: with fewer the threshold is one stranger's score


@dataclasses.dataclass(frozen=True)
class GateLimits:
    """Limits on the loss of a variant against the float model.

    Args:
        min_cosine: Least mean cosine of its embeddings to the Keras model's, -1..1.
        max_accuracy_drop: Greatest loss of verification accuracy against the float
            variant, percentage points.
        min_rank_agreement: Least share of probes with the Keras model's nearest face,
            0..1; None asks for nothing.
        min_p01_cosine: Least first percentile of the cosines, -1..1.
        min_least_cosine: Least cosine of any crop, -1..1.
        max_search_drop: Greatest loss in a search of a gallery against the float
            variant, percentage points and one probe: of rank 1, and of DIR at FAR 1 %
            where there are at least 500 probes of unknown people.

    Raises: ValueError if a limit is out of range.
    """

    min_cosine: float = 0.99
    max_accuracy_drop: float = 0.5
    min_rank_agreement: float | None = None
    min_p01_cosine: float = 0.98
    min_least_cosine: float = 0.95
    max_search_drop: float = 1.5

    def __post_init__(self):
        for name, low, high in (
            ("min_cosine", -1, 1),
            ("max_accuracy_drop", 0, 100),
            ("min_rank_agreement", 0, 1),
            ("min_p01_cosine", -1, 1),
            ("min_least_cosine", -1, 1),
            ("max_search_drop", 0, 100),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(
                    f"`{name}` must be {low}..{high}. Received: {name}={value!r}"
                )


def check_gate(
    variant: str,
    limits: GateLimits,
    drift: Drift,
    wiring: tuple[str, ...] = (),
    rank: RankAgreement | None = None,
    measured: VariantMeasurement | None = None,
    float_measured: VariantMeasurement | None = None,
    cross_variant: VariantMeasurement | None = None,
) -> Gate:
    """Compares what was measured with a variant with the limits.

    Args:
        variant: Its name; one that is not in `VARIANTS` is held to the limits alone.
        limits: Its limits.
        drift: From the Keras model.
        wiring: Result of `wiring_failures`.
        rank: Rank-1 agreement, if it was measured.
        measured: Verification and search of the variant, if they were measured.
        float_measured: Those of the float variant.
        cross_variant: Those of the variant with a gallery of the float variant.
    """
    failures = list(wiring)
    if is_exact(variant):  # up to rounding, whatever the limits are
        if not drift.min_cosine >= LEAST_EXACT_COSINE:
            failures.append(
                f"least cosine {drift.min_cosine:.6f}, the bound is "
                f"{LEAST_EXACT_COSINE}"
            )
    else:
        for name, found, bound in (
            ("mean cosine", drift.mean_cosine, limits.min_cosine),
            ("first percentile of cosines", drift.p01_cosine, limits.min_p01_cosine),
            ("least cosine", drift.min_cosine, limits.min_least_cosine),
        ):
            if not found >= bound:
                failures.append(f"{name} {found:.5f}, the limit is {bound:g}")
    least = limits.min_rank_agreement
    if least is not None and rank is None:
        failures.append(
            f"rank-1 agreement could not be measured, the limit is {least:g}: it needs "
            "two people, and second crops"
        )
    if rank and least is not None and not rank.same_gallery >= least:
        failures.append(
            f"rank-1 agreement {rank.same_gallery:.4f}, the limit is {least:g}"
        )
    if measured and float_measured:
        before, after = float_measured.verification, measured.verification
        drop = 100 * (before.accuracy - after.accuracy)
        # A rounding error of the subtraction must not decide.
        if not drop <= limits.max_accuracy_drop + 1e-9:
            failures.append(
                f"accuracy {drop:.2f} points below float, the limit is "
                f"{limits.max_accuracy_drop:g}"
            )
        galleries = {"": measured, ", float gallery": cross_variant}
        for whose, found in galleries.items():
            failures += _search_failures(limits, whose, float_measured, found)
    return Gate(passed=not failures, failures=tuple(failures))


def _search_failures(limits, whose, float_measured, measured):
    before = float_measured.identification
    after = measured and measured.identification
    if before is None or after is None:
        return
    rates = {"rank 1": (before.rank_1, after.rank_1)}
    key = threshold_key(_DIR_FAR)
    both = key in before.dir_at_far and key in after.dir_at_far
    if both and _DIR_FAR * before.unknown_probes >= _LEAST_ALARMS:
        rates["DIR at FAR 1 %"] = before.dir_at_far[key], after.dir_at_far[key]
    for name, (was, now) in rates.items():
        drop = 100 * (was - now)
        if not drop <= limits.max_search_drop + 100 / before.probes + 1e-9:
            yield (
                f"{name}{whose} {drop:.2f} points below float, the limit is "
                f"{limits.max_search_drop:g}"
            )
