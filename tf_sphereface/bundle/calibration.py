"""What the scores of a variant mean, as the contract has it."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator


class ContractPart(BaseModel):
    """A part of a contract: it has the keys that are known, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ThresholdInterval(ContractPart):
    """Confidence interval of a threshold, cosines.

    Args:
        low: Its lower end.
        high: Its upper end.
    """

    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _in_order(self):
        if self.low > self.high:
            raise ValueError("`low` must not be above `high`")
        return self


class ProbabilityMap(ContractPart):
    """1 / (1 + exp(-(slope * score + intercept))): that a pair is of one person.

    It holds where genuine and impostor pairs are equally frequent. Where they are r to
    1, ln(r) is added to the intercept.

    Args:
        slope: Of the logit, by the score.
        intercept: Of the logit, at score 0.
    """

    slope: Annotated[FiniteFloat, Field(ge=0)]
    intercept: FiniteFloat

    def probability(self, score: float) -> float:
        """Of one person, 0..1."""
        logit = self.slope * score + self.intercept
        # Of the two forms the one whose exponential cannot overflow.
        if logit >= 0:
            return 1 / (1 + math.exp(-logit))
        return math.exp(logit) / (1 + math.exp(logit))


class Calibration(ContractPart):
    """What was measured on pairs with one variant by `sphereface calibrate`.

    Args:
        genuine: Number of genuine pairs.
        impostor: Number of impostor pairs.
        people: Number of people in them.
        confidence: Of the intervals, in (0, 1).
        threshold_intervals: By the key of the threshold; one that is not known is left
            out.
        probability: From a score to a probability.
        frr_target: Share of the genuine pairs that may be called different.
        different_below: A score below this, and below the threshold in use, is of two
            people; None if the pairs did not suffice.
    """

    genuine: int = Field(ge=1)
    impostor: int = Field(ge=1)
    people: int = Field(ge=2)
    confidence: Annotated[FiniteFloat, Field(gt=0, lt=1)]
    threshold_intervals: dict[str, ThresholdInterval]
    probability: ProbabilityMap
    frr_target: Annotated[FiniteFloat, Field(gt=0, lt=1)]
    different_below: FiniteFloat | None


def decide(
    score: float, threshold: float | None, calibration: Calibration | None
) -> str | None:
    """The verdict on two faces: "same", "different" or "unknown".

    A score is "same" from the threshold on. Below, it is unknown if it is too high to
    be called different without losing more than `frr_target` of the people. Where the
    second threshold is above the first, or none was calibrated, nothing is unknown.

    Args:
        score: Cosine.
        threshold: Of the FAR in use; None if none was measured.
        calibration: Of the variant, or None.

    Returns: None without a threshold.
    """
    if threshold is None:
        return None
    if score >= threshold:
        return "same"
    limit = None if calibration is None else calibration.different_below
    return "different" if limit is None or score < limit else "unknown"
