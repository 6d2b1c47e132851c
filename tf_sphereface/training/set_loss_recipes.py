"""The `[[set_losses]]` tables of a recipe: a class for each loss, read by its name."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tf_sphereface.training.sections import Positive, Section


class CenterRecipe(Section):
    """`[[set_losses]]` with name "center"; the centres move by alpha."""

    name: Literal["center"]
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    weight: Positive = 0.008


class ContrastiveRecipe(Section):
    """`[[set_losses]]` with name "contrastive"."""

    name: Literal["contrastive"]
    margin: Positive = 1.0
    normalize: bool = False
    weight: Positive = 1.0


class TripletSemiHardRecipe(Section):
    """`[[set_losses]]` with name "triplet_semihard": FaceNet's."""

    name: Literal["triplet_semihard"]
    margin: Positive = 0.2
    squared: bool = True
    normalize: bool = True
    weight: Positive = 1.0


class TripletHardRecipe(Section):
    """`[[set_losses]]` with name "triplet_hard": batch-hard."""

    name: Literal["triplet_hard"]
    margin: Positive = 0.2
    soft: bool = False
    squared: bool = False
    normalize: bool = True
    weight: Positive = 1.0


class AngularTripletRecipe(Section):
    """`[[set_losses]]` with name "angular_triplet"; margin in radians, or a cosine."""

    name: Literal["angular_triplet"]
    margin: Annotated[float, Field(gt=0, lt=math.pi)] = 0.2
    form: Literal["angle", "cosine"] = "angle"
    weight: Positive = 1.0

    @model_validator(mode="after")
    def _cosines_are_below_2(self):
        if self.form == "cosine" and not self.margin < 2:
            raise ValueError('`margin` must be below 2 with form = "cosine"')
        return self


SetLossRecipe = Annotated[
    AngularTripletRecipe
    | CenterRecipe
    | ContrastiveRecipe
    | TripletHardRecipe
    | TripletSemiHardRecipe,
    Field(discriminator="name"),
]
