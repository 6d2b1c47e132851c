"""A training recipe as checked data, read from TOML."""

import logging
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli_w
from pydantic import Field, ValidationError, model_validator

from tf_sphereface.errors import InputError
from tf_sphereface.model_files import model_file
from tf_sphereface.stated_paths import stated_path
from tf_sphereface.training.recipes.model_sections import (
    BackboneRecipe,
    HeadRecipe,
    MetricLossRecipe,
)
from tf_sphereface.training.recipes.renamed_keys import present_override, present_recipe
from tf_sphereface.training.recipes.sections import (
    Count,
    NotNegative,
    Positive,
    Section,
)

_LOG = logging.getLogger(__name__)
_INTEGERS = 1 << 63
AnyRecipe = TypeVar("AnyRecipe", bound=Section)


class DataRecipe(Section):
    """`[data]`: batches; `batch_size` is over all devices.

    With `images_per_identity` K a batch is of `batch_size` / K identities.
    `augmentation` "paper" is the mirror alone.
    """

    batch_size: Count = 512
    sampling: Literal["uniform", "class_balanced"] = "uniform"
    images_per_identity: Annotated[int, Field(ge=2)] | None = None
    augmentation: Literal["none", "paper", "strong"] = "paper"

    @model_validator(mode="after")
    def _whole_identities(self):
        if self.images_per_identity and self.batch_size % self.images_per_identity:
            raise ValueError("`batch_size` must be a multiple of `images_per_identity`")
        if self.images_per_identity and self.sampling != "uniform":
            raise ValueError(
                "`images_per_identity` decides the sampling: leave `sampling` out"
            )
        return self


class OptimizerRecipe(Section):
    """`[optimizer]`: SGD as Caffe runs it; the rate is multiplied at each boundary.

    With `accumulation` k a step takes its batch in k parts, one after another, which
    need a k-th of the memory. With `ema` m the models that are verified and written
    have the moving averages of the weights: m times the average plus 1 - m times the
    weights after each step.
    """

    learning_rate: Positive = 0.1
    boundaries: tuple[Count, ...] = (16_000, 24_000)
    factor: Positive = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: NotNegative = 5e-4
    bias_rate: Positive = 2.0
    gradient_norm: Positive | None = None
    accumulation: Count = 1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _boundaries_increase(self):
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("`boundaries` must increase")
        return self


class ScheduleRecipe(Section):
    """`[schedule]`: length in steps; an epoch ends with a checkpoint.

    A `deterministic` training gives the same bits again on the same machine, also if it
    was killed and resumed. With `recompute` activations are computed again for the
    gradient, which takes a third more time and a fraction of the memory. `jit_compile`
    decides on XLA; Keras does without it.
    """

    steps: Count = 28_000
    steps_per_epoch: Count = 1_000
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    deterministic: bool = False
    jit_compile: bool | None = None
    recompute: bool = False

    @model_validator(mode="after")
    def _whole_epochs(self):
        if self.steps % self.steps_per_epoch:
            raise ValueError("`steps` must be a multiple of `steps_per_epoch`")
        return self


class FineTuningRecipe(Section):
    """`[fine_tuning]`: a network that is trained already, in place of `[backbone]`.

    `initial_weights` is a `.keras` file of `import-weights`, or a run folder; network,
    crop size and pixel contract are the file's. The first `frozen_stages` of the
    network (`backbones.stages`) do not learn. With `head` "class_means" the class
    weights begin as the mean embeddings of the classes.
    """

    initial_weights: str
    frozen_stages: Annotated[int, Field(ge=0)] = 0
    head: Literal["class_means", "fresh"] = "class_means"

    @property
    def initial_file(self) -> Path:
        """The `.keras` file.

        Raises: InputError if `initial_weights` is neither such a file nor a run folder.
        """
        return model_file(Path(self.initial_weights))


class ManyIdentitiesRecipe(Section):
    """`[many_identities]`: each device keeps a share of the class weights.

    With a `sampling_rate` below 1 a step is of the batch's own classes and of others at
    random, that part of all together (Partial FC). Nothing else is computed or moved.
    """

    sampling_rate: Annotated[float, Field(gt=0, le=1)] = 1.0


class TrainedSections(Section):
    """The sections that say how a network is trained."""

    head: HeadRecipe = Field({"name": "a_softmax"}, validate_default=True)
    metric_losses: tuple[MetricLossRecipe, ...] = ()
    data: DataRecipe = DataRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    many_identities: ManyIdentitiesRecipe | None = None

    @model_validator(mode="after")
    def _losses_are_there(self):
        names = [loss.name for loss in self.metric_losses]
        if self.head.name == "none" and not names:
            raise ValueError(
                '`metric_losses` must not be empty with [head] name = "none"'
            )
        if len(set(names)) < len(names):
            raise ValueError(f"`metric_losses` must be different ones: {names}")
        return self

    @model_validator(mode="after")
    def _batches_have_equal_parts(self):
        parts, identity = self.optimizer.accumulation, self.data.images_per_identity
        if self.data.batch_size % (parts * (identity or 1)):
            raise ValueError(
                "`data.batch_size` must be a multiple of `optimizer.accumulation`"
                + (" times `data.images_per_identity`" if identity else "")
            )
        return self

    @model_validator(mode="after")
    def _class_weights_can_be_divided(self):
        if self.many_identities is None:
            return self
        if not self.head_can_be_divided:
            raise ValueError(
                f'[many_identities] cannot divide the class weights of [head] name = "'
                f'{self.head.name}": docs/many_identities.md has the heads'
            )
        for key, value, needed in (
            ("optimizer.accumulation", self.optimizer.accumulation, 1),
            ("optimizer.ema", self.optimizer.ema, None),
            ("schedule.jit_compile", self.schedule.jit_compile or None, None),
        ):
            if value != needed:
                raise ValueError(f"[many_identities] goes without {key} = {value}")
        if self.schedule.precision == "mixed_float16":
            raise ValueError(
                '[many_identities] goes without schedule.precision = "mixed_float16"; '
                'take "mixed_bfloat16"'
            )
        return self

    def classes_of_a_step(self, people: int) -> int:
        """Number of classes that the loss of a step is over, of so many people."""
        if self.many_identities is None:
            return people
        return math.ceil(self.many_identities.sampling_rate * people)

    @property
    def head_can_be_divided(self) -> bool:
        """True if the class weights are columns that do not need each other."""
        # With a name, since Keras would count one without.
        return self.head.name != "none" and self.head.make(2, name="checked").columnwise


class StageRecipe(TrainedSections):
    """`[[then]]`: a further training, of the network of the one before.

    `frozen_stages` and `class_weights` are as in `[fine_tuning]`, where the latter is
    `head`.
    """

    frozen_stages: Annotated[int, Field(ge=0)] = 0
    class_weights: Literal["class_means", "fresh"] = "class_means"


class Recipe(TrainedSections):
    """Everything that decides a training besides the records.

    There is either a `[backbone]`, SphereFace-20 if nothing is said, or
    `[fine_tuning]`; the other is None. `[[then]]` are further stages.
    """

    backbone: BackboneRecipe | None = None
    fine_tuning: FineTuningRecipe | None = None
    then: tuple[StageRecipe, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_network(cls, tree):
        if not isinstance(tree, dict) or "backbone" in tree:
            return tree
        if tree.get("fine_tuning") is None:
            return {**tree, "backbone": {}}
        return tree

    @model_validator(mode="after")
    def _network_is_given_once(self):
        if self.backbone is not None and self.fine_tuning is not None:
            raise ValueError(
                "the network is that of `fine_tuning.initial_weights`: leave "
                "[backbone] out"
            )
        return self

    def stages(self, weights: Sequence[str] = ()) -> "list[Recipe]":
        """A recipe for each stage, the first of this network.

        Args:
            weights: Files that the later stages begin with; without them each begins
                with this network anew, which is enough to measure it.
        """
        recipes = [self.model_copy(update={"then": ()})]
        for number, stage in enumerate(self.then):
            sections = {name: getattr(stage, name) for name in _TRAINED}
            network = {"backbone": self.backbone, "fine_tuning": self.fine_tuning}
            if weights:
                network = {
                    "fine_tuning": FineTuningRecipe(
                        initial_weights=weights[number],
                        frozen_stages=stage.frozen_stages,
                        head=stage.class_weights,
                    )
                }
            recipes.append(Recipe.model_validate({**sections, **network}))
        return recipes

    def stated(self) -> "Recipe":
        """The recipe as a run folder has it: see `stated_path`."""
        if self.fine_tuning is None:
            return self
        stated = {"initial_weights": stated_path(self.fine_tuning.initial_weights)}
        tuning = self.fine_tuning.model_copy(update=stated)
        return self.model_copy(update={"fine_tuning": tuning})

    def without_places(self) -> "Recipe":
        """The recipe whatever the folder of its initial weights: their bytes count."""
        if self.fine_tuning is None:
            return self
        nowhere = self.fine_tuning.model_copy(update={"initial_weights": ""})
        return self.model_copy(update={"fine_tuning": nowhere})

    def to_toml(self) -> str:
        """The recipe with every default written out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


_TRAINED = tuple(TrainedSections.model_fields)


def read_recipe(
    path: Path,
    overrides: list[str] | tuple[str, ...] = (),
    kind: type[AnyRecipe] = Recipe,
) -> AnyRecipe:
    """Reads a recipe.

    Args:
        path: TOML file.
        overrides: "section.key=value" strings; the value is TOML, or a bare word. A
            new `name` takes the defaults of what it names.
        kind: What the sections are; a training's unless said else.

    Raises: InputError if the file is missing or not TOML, or a key or value is wrong;
        the message names the key.
    """
    try:
        tree = _parsed(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"no such recipe: {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {path}") from error
    except (ValueError, RecursionError) as error:  # of numbers and of brackets too
        raise InputError(f"{path} is not TOML: {error}") from error
    tree, notes = present_recipe(tree)
    if notes:
        _LOG.warning("%s has old names: %s", path, "; ".join(notes))
    for override in overrides:
        _apply_override(tree, override)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise InputError(f"recipe {path}: {_first_error(error)}") from error


def _parsed(text):
    """The tree of a TOML text.

    Raises: ValueError if it is none, or a number has more bits than TOML promises;
        RecursionError if it is nested endlessly.
    """
    tree = tomllib.loads(text)
    values = [tree]
    while values:
        value = values.pop()
        if isinstance(value, dict | list):
            values.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, int) and not -_INTEGERS <= value < _INTEGERS:
            raise ValueError("an integer has more than 64 bits")
    return tree


def _apply_override(tree: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise InputError(f"--set must be section.key=value. Received: {override!r}")
    try:
        value = _parsed(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    except (ValueError, RecursionError) as error:
        raise InputError(f"--set {key} is no TOML: {error}") from error
    *sections, name = present_override(key.strip(), value).split(".")
    for section in sections:
        if isinstance(tree, list):  # of stages
            known = section.isdecimal() and int(section) < len(tree)
            tree = tree[int(section)] if known else None
        else:
            tree = tree.setdefault(section, {})
        if not isinstance(tree, dict | list):
            raise InputError(f"--set {override}: {section!r} is not a section")
    if not isinstance(tree, dict):
        raise InputError(f"--set {override}: say which, as in {sections[-1]}.0.{name}")
    if name == "name" and tree.get("name") != value:
        tree.clear()  # the other keys belong to what the section named before
    tree[name] = value


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    location = [str(part) for part in first["loc"]]
    if not location:  # sections that do not go together
        return message
    if location[0] == "scheme":  # then its name, which pydantic puts in
        del location[1:2]
    where = ".".join(location)
    if first["type"] == "extra_forbidden":
        return f"unknown key `{where}`"
    if "Received:" in message:
        return f"`{where}`: {message}"
    return f"`{where}`: {message}. Received: {first['input']!r}"
