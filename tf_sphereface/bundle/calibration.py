"""Calibration of a variant's scores, as the contract has it."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator


def _one_line_each(schema):
    for part in (schema, *schema.get("properties", {}).values()):
        if "description" in part:
            part["description"] = " ".join(part["description"].split())


class ContractPart(BaseModel):
    """Part of a contract: immutable, without keys that this version does not know.

    The docstring below a field is its description in the JSON schema.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=_one_line_each,
    )


# Rounding may take a cosine beyond 1, and a threshold that no pair reaches is above it.
Cosine = Annotated[FiniteFloat, Field(ge=-1.0001, le=1.0001)]
# Of a FAR as "%g" writes it, from 1 down to 1e-99.
ThresholdKey = Annotated[
    str,
    Field(
        pattern=r"^(accuracy|far_(1|0\.[0-9]*[1-9]|"
        r"[1-9](\.[0-9]*[1-9])?e-(0[5-9]|[1-9][0-9])))$"
    ),
]
# Other keys are refused by readers that have the schema only, too.
NO_OTHERS = Field(json_schema_extra={"additionalProperties": False})
Thresholds = Annotated[dict[ThresholdKey, Cosine], NO_OTHERS]


class ThresholdInterval(ContractPart):
    """Confidence interval of a threshold, cosines."""

    low: Cosine
    """Lower end."""
    high: Cosine
    """Upper end."""

    @model_validator(mode="after")
    def _in_order(self):
        if self.low > self.high:
            raise ValueError("`low` must not be above `high`")
        return self


class ProbabilityMap(ContractPart):
    """1 / (1 + exp(-(slope * score + intercept))): that a pair is of one person.

    It holds where genuine and impostor pairs are equally frequent. Where they are r to
    1, ln(r) is added to the intercept.
    """

    slope: Annotated[FiniteFloat, Field(ge=0)]
    """Slope of the logit, by the score."""
    intercept: FiniteFloat
    """Logit at score 0."""

    def probability(self, score: float) -> float:
        """Probability of one person, 0..1."""
        logit = self.slope * score + self.intercept
        # Of the two forms the one whose exponential cannot overflow.
        if logit >= 0:
            return 1 / (1 + math.exp(-logit))
        return math.exp(logit) / (1 + math.exp(logit))


class Calibration(ContractPart):
    """Measurements of one variant on pairs, by `sphereface calibrate`."""

    genuine: int = Field(ge=1)
    """Number of genuine pairs."""
    impostor: int = Field(ge=1)
    """Number of impostor pairs."""
    people: int = Field(ge=2)
    """Number of people in them."""
    confidence: Annotated[FiniteFloat, Field(gt=0, lt=1)]
    """Confidence level of the intervals, in (0, 1)."""
    threshold_intervals: Annotated[dict[ThresholdKey, ThresholdInterval], NO_OTHERS]
    """Intervals by the key of the threshold; unknown ones are left out."""
    probability: ProbabilityMap
    """Map from a score to a probability."""
    frr_target: Annotated[FiniteFloat, Field(gt=0, lt=1)]
    """Share of the genuine pairs that may be called different."""
    different_below: Cosine | None
    """A score below this, and below the threshold in use, is of two people; None if the
    pairs did not suffice.
    """


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
