"""Vocabulary: the names that a pickle of one kind may use."""

import dataclasses
from collections.abc import Callable


class RefusedPickleError(Exception):
    """A pickle asks for what its vocabulary does not have."""


class Name(str):
    """A function or class that a pickle names; never looked up."""


def _build_nothing(target, state):
    raise RefusedPickleError("a state for something that has none")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Content of one kind of pickle besides lists, tuples, texts and numbers.

    Args:
        holds: What the kind may hold, for messages.
        calls: Full name of a function to our own of its arguments, a tuple.
        names: Full names that may only be handed on, never called.
        build: Takes an object and the state that the pickle gives it.
        persistent: Takes a persistent id, gives what stands for it; None: there are
            none.
        dicts: Whether there are dicts and floats.
    """

    holds: str
    calls: dict[str, Callable]
    names: frozenset[str] = frozenset()
    build: Callable = _build_nothing
    persistent: Callable | None = None
    dicts: bool = False
