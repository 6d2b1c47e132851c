"""Sections of a recipe whose keys, types and defaults are those of a constructor.

A constructor is a class or a function. Its annotated parameters are the keys; those
that are keyword-only, and `num_classes`, which the records decide, are not. An argument
that is an object with a config, such as an annealing, is a table of its own.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    SerializeAsAny,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tf_sphereface.training.recipes.sections import Section


class ConstructorSection(Section):
    """A table of the arguments of one constructor, checked by the constructor."""

    constructor: ClassVar[Callable]

    @model_validator(mode="after")
    def _is_in_range(self):
        check = getattr(self.constructor, "check", None)
        if check is not None:  # what takes long to make
            check(**self._arguments())
        elif _has(self.constructor, inspect.Parameter.VAR_KEYWORD):
            # With a name, since Keras would count one without.
            self.make(num_classes=2, name="checked")
        else:
            self.make()
        return self

    def make(self, num_classes: int | None = None, **options):
        """Makes the object.

        Args:
            num_classes: Number of identities, for constructors that take it.
            **options: Further arguments of the constructor.

        Raises: ValueError as the constructor.
        """
        if "num_classes" in inspect.signature(_callable(self.constructor)).parameters:
            options["num_classes"] = num_classes
        return self.constructor(**self._arguments(), **options)

    def _arguments(self):
        values = {key: getattr(self, key) for key in type(self).model_fields}
        values.pop("name", None)
        return {
            key: value.make() if isinstance(value, ConstructorSection) else value
            for key, value in values.items()
        }


def named_section(
    constructors: Callable[[], Mapping[str, Callable]],
    with_name: Callable[[dict], dict] = dict,
) -> Any:
    """The type of a field for a table whose `name` chooses the constructor.

    Args:
        constructors: Gives the constructors by their names, when a table is read.
        with_name: Completes a table that has no `name`, or a short one.
    """

    def read(value):
        if isinstance(value, ConstructorSection):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("table", "must be a table")
        table, choice = with_name(value), constructors()
        name = table.get("name")
        if not isinstance(name, str) or name not in choice:
            raise PydanticCustomError(
                "name",
                "`name` must be one of {names}. Received: name={name}",
                {"names": ", ".join(sorted(choice)), "name": repr(name)},
            )
        return section_of(choice[name], name).model_validate(table)

    return Annotated[ConstructorSection, BeforeValidator(read), SerializeAsAny()]


@functools.cache
def section_of(
    constructor: Callable, name: str | None = None, defaults: tuple = ()
) -> type[ConstructorSection]:
    """The section of a constructor.

    Args:
        constructor: Class or function with annotated parameters.
        name: The value of the key `name`; None: there is no such key.
        defaults: Pairs of key and value that replace the constructor's own defaults.
    """
    fields = {} if name is None else {"name": (Literal[name], name)}
    signature = inspect.signature(_callable(constructor), eval_str=True)
    for key, parameter in signature.parameters.items():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            continue
        if key not in ("self", "num_classes"):
            default = dict(defaults).get(key, parameter.default)
            fields[key] = _field(parameter.annotation, default)
    section = create_model(constructor.__name__, __base__=ConstructorSection, **fields)
    section.constructor = staticmethod(constructor)
    return section


def _field(annotation, default):
    """Type and default of a key; an object with a config is a nested table."""
    if default is inspect.Parameter.empty:
        default = ...
    members = [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = list(typing.get_args(annotation))
    nested = [member for member in members if hasattr(member, "from_config")]
    if not nested:
        return annotation, default
    defaults = ()
    if hasattr(default, "get_config"):
        defaults = tuple(default.get_config().items())
    section = section_of(nested[0], defaults=defaults)
    if defaults:
        default = section()
    # Functions cannot be said in TOML.
    plain = [member for member in members if member in (int, float, str)]
    if not plain:
        return section, default

    def read_table_or_value(value, read):
        if isinstance(value, dict | section):
            return section.model_validate(value)
        return read(value)

    return (
        Annotated[plain[0], WrapValidator(read_table_or_value), SerializeAsAny()],
        default,
    )


def _callable(constructor):
    """The function with the parameters; Keras gives classes a signature of its own."""
    return constructor.__init__ if isinstance(constructor, type) else constructor


def _has(constructor, kind):
    parameters = inspect.signature(_callable(constructor)).parameters.values()
    return any(parameter.kind is kind for parameter in parameters)
