"""A tensor of a file: a node's map, where its axes lie, and what was done to it."""

import dataclasses
import math

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.weights.graphs.graph import Node

# The stored axes of a map, behind that of the batch: 0 rows, 1 columns, 2 channels.
LAST, FIRST = ((0,), (1,), (2,)), ((2,), (0,), (1,))  # channels last, channels first
NOWHERE = (0, 0, 0, 0)  # zeros above, at the left, below, at the right
_LARGEST_FLOOR = 1e-3  # of a norm


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the file.

    Args:
        node: The map x that it is made of.
        order: The axes of the map that each stored axis holds, see LAST.
        positive: p, float64 (channels,) or (1,).
        negative: n.
        padding: Zeros around the map.
        norm: "square", "sum", "norm" or "inverse": how far the map is on its way to
            the inverse of its L2 norm; "unit": the map over its norm.
        name: Of the last operator that changed the numbers, if it made no node.
    """

    node: Node
    order: tuple[tuple[int, ...], ...]
    positive: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(1))
    negative: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(1))
    padding: tuple[int, int, int, int] = NOWHERE
    norm: str | None = None
    name: str = ""

    @property
    def stored(self) -> tuple[int, ...]:
        """Its shape in the file, without the batch."""
        return tuple(self._product(axes) for axes in self.order)

    def _product(self, axes):
        return math.prod(self.sides[axis] for axis in axes)

    @property
    def sides(self) -> tuple[int, int, int]:
        """Rows, columns and channels, with the padding."""
        rows, columns, channels = self.node.shape
        top, left, bottom, right = self.padding
        return rows + top + bottom, columns + left + right, channels

    def like(self, **changes) -> "Value":
        return dataclasses.replace(self, **changes)

    @property
    def is_linear(self) -> bool:
        """True if it is no step of a norm and has no padding."""
        return self.norm is None and self.padding == NOWHERE

    @property
    def is_plain(self) -> bool:
        """True if it is the node's map itself."""
        return self.is_linear and bool(
            np.all(self.positive == 1) and np.all(self.negative == 1)
        )

    @property
    def is_activation(self) -> bool:
        """True for a whole PReLU; not for |x|, nor for the negative part of one."""
        bent = not np.array_equal(self.positive, self.negative)
        return bool(bent and np.all(self.positive == 1) and np.any(self.negative != -1))

    def is_floored_by(self, constant: np.ndarray) -> bool:
        """True for the small number that keeps a norm from 0."""
        numbers = np.asarray(constant)
        small = numbers.size == 1 and 0 <= numbers.item() <= _LARGEST_FLOOR
        return small and self.norm in ("square", "sum", "norm")

    def lies_as(self, order) -> bool:
        """True if its axes lie in this order, those of one number aside."""

        def seen(order):
            return [[a for a in axes if self.sides[a] > 1] for axes in order]

        return seen(self.order) == seen(order)

    # What only moves numbers.

    def padded(self, amounts, name: str) -> "Value":
        """Zeros around a map; `amounts` are (before, after) of each stored axis."""
        around = [[0, 0], [0, 0], [0, 0]]
        for axes, both in zip(self.order, amounts, strict=True):
            if any(both):
                around[axes[0] if len(axes) == 1 else 2] = [int(n) for n in both]
        (top, bottom), (left, right), channels = around
        if any(channels) or min(top, bottom, left, right) < 0:
            raise InputError(f"must pad rows and columns only. Received: {name}")
        more = np.add(self.padding, (top, left, bottom, right))
        return self.like(padding=tuple(more.tolist()))

    def transposed(self, axes, name: str) -> "Value":
        """`axes` count stored axes without the batch."""
        if sorted(axes) != list(range(len(self.order))):
            raise InputError(f"must leave the batch in its place. Received: {name}")
        return self.like(order=tuple(self.order[axis] for axis in axes))

    def reshaped(self, shape, name: str) -> "Value":
        """`shape` is the stored one without the batch; -1 is what is left."""
        sizes, total = [int(size) for size in shape], math.prod(self.stored)
        if sizes.count(-1) == 1:
            rest = -math.prod(sizes)
            sizes[sizes.index(-1)] = total // rest if rest > 0 else 0
        axes = [a for group in self.order for a in group if self.sides[a] > 1]
        groups = []
        for size in sizes:
            group = []
            while axes and math.prod(self.sides[a] for a in group) < size:
                group.append(axes.pop(0))
            if math.prod(self.sides[a] for a in group) != size:
                raise InputError(f"must not split axes. Received: {name}")
            groups.append(group)
        if axes or not groups:
            raise InputError(f"must keep all numbers. Received: {name}")
        used = [a for group in groups for a in group]
        single = [a for a in range(3) if a not in used]
        for group in groups:  # axes of one number go where there is room
            if not group and single:
                group.append(single.pop(0))
        groups[-1] += single
        return self.like(order=tuple(map(tuple, groups)))

    def channels(self, constant: np.ndarray, name: str) -> np.ndarray:
        """A constant that is combined with this, float64 (1,) or (channels,)."""
        constant = np.asarray(constant, np.float64)
        rank = len(self.order)
        if constant.ndim == rank + 1 and constant.shape[0] == 1:
            constant = constant[0]
        shape = (1,) * (rank - constant.ndim) + constant.shape
        if constant.ndim > rank or any(
            size not in (1, whole)
            for size, whole in zip(shape, self.stored, strict=False)
        ):
            raise InputError(f"has a constant that does not fit: {name}, {shape}")
        split = [
            self.sides[axis] if size > 1 else 1
            for size, axes in zip(shape, self.order, strict=True)
            for axis in axes
        ]
        axes = [axis for group in self.order for axis in group]
        constant = constant.reshape(split).transpose(np.argsort(axes))
        if constant.shape[:2] != (1, 1):
            first = constant[:1, :1]
            if not np.array_equal(constant, np.broadcast_to(first, constant.shape)):
                raise InputError(f"must have one constant a channel. Received: {name}")
            constant = first
        return constant.reshape(-1)
