"""The gate: limits on what a variant may lose against the float model."""

import dataclasses

from tf_sphereface.bundle.records import (
    Drift,
    Gate,
    RankAgreement,
    Verification,
)
from tf_sphereface.bundle.variants import is_exact
from tf_sphereface.deployment.parity.drift import LEAST_EXACT_COSINE


@dataclasses.dataclass(frozen=True)
class GateLimits:
    """Limits on the loss of a variant against the float model.

    Args:
        min_cosine: Least mean cosine of its embeddings to the Keras model's, -1..1.
        max_accuracy_drop: Greatest loss of verification accuracy against the float
            variant, percentage points.
        min_rank_agreement: Least share of probes with the Keras model's nearest face,
            0..1; None asks for nothing.

    Raises: ValueError if a limit is out of range.
    """

    min_cosine: float = 0.99
    max_accuracy_drop: float = 0.5
    min_rank_agreement: float | None = None

    def __post_init__(self):
        for name, low, high in (
            ("min_cosine", -1, 1),
            ("max_accuracy_drop", 0, 100),
            ("min_rank_agreement", 0, 1),
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
    verification: Verification | None = None,
    float_verification: Verification | None = None,
) -> Gate:
    """Compares what was measured with a variant with the limits.

    Args:
        variant: Its name; one that is not in `VARIANTS` is held to the limits alone.
        limits: Its limits.
        drift: From the Keras model.
        wiring: Result of `wiring_failures`.
        rank: Rank-1 agreement, if it was measured.
        verification: Of the variant, if it was measured.
        float_verification: Of the float variant on the same pairs.
    """
    failures = list(wiring)
    if is_exact(variant):  # up to rounding, whatever the limits are
        if not drift.min_cosine >= LEAST_EXACT_COSINE:
            failures.append(
                f"least cosine {drift.min_cosine:.6f}, the bound is "
                f"{LEAST_EXACT_COSINE}"
            )
    elif not drift.mean_cosine >= limits.min_cosine:
        failures.append(
            f"mean cosine {drift.mean_cosine:.5f}, the limit is {limits.min_cosine:g}"
        )
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
    if verification and float_verification:
        drop = 100 * (float_verification.accuracy - verification.accuracy)
        # A rounding error of the subtraction must not decide.
        if not drop <= limits.max_accuracy_drop + 1e-9:
            failures.append(
                f"accuracy {drop:.2f} points below float, the limit is "
                f"{limits.max_accuracy_drop:g}"
            )
    return Gate(passed=not failures, failures=tuple(failures))
