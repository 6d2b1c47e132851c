"""Operators with their inputs, and those that ONNX and TFLite have alike."""

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.weights.graphs.builder import GraphBuilder
from tf_sphereface.weights.graphs.values import Value

_MINUS = -np.ones(())


class Call:
    """One operator of a file.

    Args:
        build: Makes the nodes.
        inputs: Values, constants, and None for what is left out.
        name: For messages.
    """

    def __init__(self, build: GraphBuilder, inputs: list, name: str):
        self.build, self.inputs, self.name = build, inputs, name

    @property
    def value(self) -> Value:
        """The first input, which must be computed."""
        if not isinstance(self.inputs[0], Value):
            raise InputError(f"has a constant where a map is expected: {self.name}")
        return self.inputs[0]

    def constant(self, place: int, default=None) -> np.ndarray | None:
        """An input that must not be computed; `default` if it is left out."""
        found = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(found, Value):
            raise InputError(f"has a map where a constant is expected: {self.name}")
        return default if found is None else found

    def needed(self, place: int) -> np.ndarray:
        """An input that must be a constant."""
        found = self.constant(place)
        if found is None:
            raise InputError(f"has no constant that is known: {self.name}")
        return found

    def both(self) -> tuple[Value, Value | np.ndarray, bool]:
        """(a value, the other input, True if the value is the second one)."""
        if len(self.inputs) != 2 or any(each is None for each in self.inputs):
            raise InputError(f"must have two inputs that are known: {self.name}")
        one, other = self.inputs
        return (one, other, False) if isinstance(one, Value) else (other, one, True)


def add(call: Call) -> Value:
    value, other, _ = call.both()
    if isinstance(other, Value):
        return call.build.add(value, other, call.name)
    return call.build.shift(value, other, call.name)


def subtract(call: Call) -> Value:
    value, other, second = call.both()
    if second:
        value = call.build.multiply(value, _MINUS, call.name)
        return call.build.shift(value, other, call.name)
    if isinstance(other, Value):
        other = call.build.multiply(other, _MINUS, call.name)
        return call.build.add(value, other, call.name)
    return call.build.shift(value, -other, call.name)


def multiply(call: Call) -> Value:
    value, other, _ = call.both()
    if isinstance(other, Value):
        return call.build.product(value, other, call.name)
    return call.build.multiply(value, other, call.name)


def divide(call: Call) -> Value:
    value, other, second = call.both()
    if isinstance(other, Value):
        return call.build.quotient(value, other, call.name)
    if not second:
        return call.build.multiply(value, 1 / np.asarray(other, float), call.name)
    if np.size(other) == 1 and np.all(other == 1):
        return call.build.step(value, "norm", "inverse", call.name)
    raise InputError(f"must divide by constants only. Received: {call.name}")


def maximum(call: Call) -> Value:
    value, other, _ = call.both()
    if isinstance(other, Value):
        return call.build.larger(value, other, call.name)
    return call.build.at_least(value, other, call.name)


def minimum(call: Call) -> Value:
    value, other, _ = call.both()
    if isinstance(other, Value):
        return call.build.larger(value, other, call.name, -1)
    value = call.build.multiply(value, _MINUS, call.name)
    value = call.build.at_least(value, -np.asarray(other), call.name)
    return call.build.multiply(value, _MINUS, call.name)


def negative(call: Call) -> Value:
    return call.build.multiply(call.value, _MINUS, call.name)


def same(call: Call) -> Value:
    return call.value
