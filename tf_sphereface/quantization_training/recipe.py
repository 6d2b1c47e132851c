"""The recipe of a training for a smaller file, read from TOML."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tf_sphereface.training.recipes.recipe import OptimizerRecipe
from tf_sphereface.training.recipes.sections import Count, Section

Share = Annotated[float, Field(gt=0, le=1)]


class QATRecipe(Section):
    """`[scheme]` "qat": 8-bit weights and activations while training.

    The training begins with the network whose channels were made alike, as an export
    to `int8` does, unless not `equalized`. The ranges of the activations begin as they
    are on the first `range_batches` batches.
    """

    name: Literal["qat"] = "qat"
    equalized: bool = True
    range_batches: Count = 4


class FloatRecipe(Section):
    """`[scheme]` "float": nothing is rounded; what as many steps bring by themselves.

    Batch norm keeps its statistics, as with "qat".
    """

    name: Literal["float"]


class PruneRecipe(Section):
    """`[scheme]` "prune": the smallest weights of each kernel become 0.

    Their share grows from `initial_sparsity` to `sparsity` over the first `ramp` of
    the steps. Kernels of depthwise convolutions, which are small, stay.
    """

    name: Literal["prune"]
    sparsity: Annotated[float, Field(gt=0, lt=1)] = 0.75
    initial_sparsity: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ramp: Share = 0.7

    @model_validator(mode="after")
    def _sparsity_grows(self):
        if self.initial_sparsity > self.sparsity:
            raise ValueError("`initial_sparsity` must not be above `sparsity`")
        return self


class ClusterRecipe(Section):
    """`[scheme]` "cluster": each kernel has no more than `clusters` values."""

    name: Literal["cluster"]
    clusters: Annotated[int, Field(ge=2, le=256)] = 16


SchemeRecipe = Annotated[
    QATRecipe | FloatRecipe | PruneRecipe | ClusterRecipe, Field(discriminator="name")
]


class BatchRecipe(Section):
    """`[data]`: batches; how images are drawn is as in the run."""

    batch_size: Count = 64
    augmentation: Literal["none", "paper"] = "paper"


class StepsRecipe(Section):
    """`[schedule]`: length in steps; an epoch is a row of the history."""

    steps: Count = 400
    steps_per_epoch: Count = 100
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _whole_epochs(self):
        if self.steps % self.steps_per_epoch:
            raise ValueError("`steps` must be a multiple of `steps_per_epoch`")
        return self


class QuantizationRecipe(Section):
    """Everything that decides such a training besides the run and the records.

    It begins with the run's `checkpoint`; the head goes on with the iteration that it
    has there, so that lambda is at its floor if the run's was. The optimizer's
    section is that of a training, with a smaller rate.
    """

    checkpoint: Literal["best", "last"] = "best"
    scheme: SchemeRecipe = QATRecipe()
    data: BatchRecipe = BatchRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe(
        learning_rate=1e-3, boundaries=(), gradient_norm=2.0
    )
    schedule: StepsRecipe = StepsRecipe()
