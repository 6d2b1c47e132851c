"""The `[head]` section of a recipe: one class for each head, read by its name."""

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from tf_sphereface.training.sections import Count, NotNegative, Positive, Section

RightAngle = Annotated[float, Field(ge=0, le=math.pi / 2)]
Share = Annotated[float, Field(gt=0, le=1)]
Unit = Literal["iterations", "images"]


class AnnealingRecipe(Section):
    """`[head.annealing]`: max(minimum, base (1 + gamma progress)^-power).

    Progress is in iterations, or in images: gamma is then per image.
    """

    base: NotNegative = 1000.0
    gamma: NotNegative = 0.12
    power: NotNegative = 1.0
    minimum: NotNegative = 5.0
    unit: Unit = "iterations"


class LSoftmaxAnnealingRecipe(AnnealingRecipe):
    """`[head.annealing]` of "l_softmax", with the defaults of its own release."""

    gamma: NotNegative = 2.5e-5
    power: NotNegative = 35.0
    minimum: NotNegative = 0.0


class StagedMarginRecipe(Section):
    """`[head.margin]`: the margin of each stage, and where each starts."""

    margins: Annotated[tuple[Count, ...], Field(min_length=1)]
    starts: tuple[Annotated[int, Field(ge=0)], ...]
    unit: Unit = "iterations"

    @model_validator(mode="after")
    def _starts_increase(self):
        if len(self.starts) != len(self.margins):
            raise ValueError("`starts` must have one value for each margin")
        if self.starts[0] != 0 or list(self.starts) != sorted(set(self.starts)):
            raise ValueError("`starts` must begin with 0 and increase")
        return self


MARGIN_KINDS = ("margin as a number", "margin in stages")


def _kind_of_margin(value: Any) -> str:
    return MARGIN_KINDS[isinstance(value, dict | StagedMarginRecipe)]


Multiplier = Annotated[
    Annotated[Count, Tag(MARGIN_KINDS[0])]
    | Annotated[StagedMarginRecipe, Tag(MARGIN_KINDS[1])],
    Discriminator(_kind_of_margin),
]


class ASoftmaxRecipe(Section):
    """`[head]` with name "a_softmax"."""

    name: Literal["a_softmax"] = "a_softmax"
    margin: Multiplier = 4
    scale: Positive | None = None
    gradient: Literal["autodiff", "caffe"] = "autodiff"
    annealing: AnnealingRecipe = AnnealingRecipe()

    @model_validator(mode="after")
    def _caffe_has_no_scale(self):
        if self.gradient == "caffe" and self.scale is not None:
            raise ValueError('`scale` must be left out with gradient = "caffe"')
        return self


class LSoftmaxRecipe(Section):
    """`[head]` with name "l_softmax"."""

    name: Literal["l_softmax"]
    margin: Multiplier = 4
    annealing: LSoftmaxAnnealingRecipe = LSoftmaxAnnealingRecipe()


class AMSoftmaxRecipe(Section):
    """`[head]` with name "am_softmax": CosFace."""

    name: Literal["am_softmax"]
    margin: Annotated[float, Field(ge=0, lt=2)] = 0.35
    scale: Positive = 30.0
    sub_centers: Count = 1


class ArcFaceRecipe(Section):
    """`[head]` with name "arcface"; the margin in radians."""

    name: Literal["arcface"]
    margin: RightAngle = 0.5
    scale: Positive = 64.0
    sub_centers: Count = 1


class COCORecipe(Section):
    """`[head]` with name "coco"."""

    name: Literal["coco"]
    scale: Positive = 21.475


class SphereFaceRRecipe(Section):
    """`[head]` with name "sphereface_r"."""

    name: Literal["sphereface_r"]
    margin: Annotated[float, Field(ge=1)] = 1.5
    version: Literal[1, 2] = 1
    scale: Positive = 30.0
    detach_margin: bool = True


class SphereFace2Recipe(Section):
    """`[head]` with name "sphereface2"."""

    name: Literal["sphereface2"]
    margin: NotNegative = 0.4
    scale: Positive = 40.0
    balance: Annotated[float, Field(gt=0, lt=1)] = 0.7
    exponent: Annotated[float, Field(ge=1)] = 3.0
    loss_weight: Positive = 1.0
    detach_margin: bool = False


class CurricularFaceRecipe(Section):
    """`[head]` with name "curricularface"; the margin in radians."""

    name: Literal["curricularface"]
    margin: RightAngle = 0.5
    scale: Positive = 64.0
    rate: Share = 0.01


class AdaFaceRecipe(Section):
    """`[head]` with name "adaface"."""

    name: Literal["adaface"]
    margin: RightAngle = 0.4
    concentration: Positive = 0.333
    rate: Share = 0.01
    scale: Positive = 64.0


class MagFaceRecipe(Section):
    """`[head]` with name "magface"; margins in radians."""

    name: Literal["magface"]
    norms: tuple[Positive, Positive] = (10.0, 110.0)
    margins: tuple[RightAngle, RightAngle] = (0.45, 0.8)
    regularizer_weight: NotNegative = 35.0
    scale: Positive = 64.0

    @model_validator(mode="after")
    def _pairs_increase(self):
        if self.norms[0] >= self.norms[1]:
            raise ValueError("`norms` must increase")
        if self.margins[0] > self.margins[1]:
            raise ValueError("`margins` must not fall")
        return self


class NormalizedSoftmaxRecipe(Section):
    """`[head]` with name "normalized_softmax": the modified softmax."""

    name: Literal["normalized_softmax"]
    scale: Positive | None = None


class SoftmaxRecipe(Section):
    """`[head]` with name "softmax": with bias, the baseline."""

    name: Literal["softmax"]


class NoHeadRecipe(Section):
    """`[head]` with name "none": set losses alone, no classification."""

    name: Literal["none"]


HeadRecipe = Annotated[
    ASoftmaxRecipe
    | AMSoftmaxRecipe
    | AdaFaceRecipe
    | ArcFaceRecipe
    | COCORecipe
    | CurricularFaceRecipe
    | LSoftmaxRecipe
    | MagFaceRecipe
    | NoHeadRecipe
    | NormalizedSoftmaxRecipe
    | SoftmaxRecipe
    | SphereFace2Recipe
    | SphereFaceRRecipe,
    Field(discriminator="name"),
]
