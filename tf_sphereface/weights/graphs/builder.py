"""Makes a graph of the operators of a file, one after the other.

An operator that only moves numbers makes no node: transpositions, reshapes and paddings
are remembered with the value. The same holds for what is linear on either side of 0,
`p max(x, 0) + n min(x, 0)` of a node's map x: so PReLU is known in whatever operators
it is written, such as `relu(x) + a (x - |x|)` or `relu(x) - a relu(-x)`.
"""

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.weights.graphs.graph import Node
from tf_sphereface.weights.graphs.values import LAST, NOWHERE, Value

_ROUNDING = 1e-6


class GraphBuilder:
    """Gives a value for each operator.

    Errors are InputErrors, to be read on behind the name of the file. `name` is the
    operator's in the file, or a layer of ours.
    """

    def __init__(self):
        self._made = {}

    def input(self, shape, order) -> Value:
        return Value(Node("input", (), shape, "input"), order)

    def node_of(self, value: Value, name: str) -> Node:
        """The node that gives the numbers of a value."""
        key = (
            value.node,
            value.positive.tobytes(),
            value.negative.tobytes(),
            value.padding,
            value.norm,
        )
        if key not in self._made:
            self._made[key] = self._node_of(value, value.name or name)
        return self._made[key]

    def _node_of(self, value, name):
        node, positive, negative = value.node, value.positive, value.negative
        # (1 + a) / 2 + (1 - a) / 2 is not quite 1 in float32.
        positive = np.where(np.isclose(positive, 1, 0, _ROUNDING), 1, positive)
        if value.padding != NOWHERE:
            raise InputError(
                f"must pad in front of convolutions only. Received: {name}"
            )
        if value.norm == "unit":
            return Node("l2", (node,), node.shape, name)
        if value.norm is not None:
            raise InputError(f"must normalise at its end only. Received: {name}")
        if np.array_equal(positive, negative):
            return self._scaled(node, positive, name)
        if np.min(positive) <= 0:
            raise InputError(f"has an activation of no known kind: {name}")
        alpha = np.broadcast_to(negative / positive, node.shape[2:])
        node = Node("prelu", (node,), node.shape, name, {"alpha": alpha})
        return self._scaled(node, positive, name)

    def _scaled(self, node, factor, name):
        if np.all(factor == 1):
            return node
        constants = {"factor": factor, "shift": np.zeros(1)}
        return Node("affine", (node,), node.shape, name, constants)

    def plain(self, value: Value, name: str) -> Value:
        """The same value, of a node of its own."""
        return Value(self.node_of(value, name), value.order)

    # Operators with one input.

    def convolve(
        self,
        value: Value,
        kernel: np.ndarray,
        bias: np.ndarray | None,
        strides: tuple[int, int],
        padding: tuple[int, int, int, int] | str,
        name: str,
        *,
        order=LAST,
        depthwise: bool = False,
        layer=None,
    ) -> Value:
        """A convolution; kernel (height, width, channels, outputs or multiplier)."""
        kernel = np.asarray(kernel, np.float32)
        if kernel.ndim != 4 or kernel.shape[2] != value.node.shape[2]:
            raise InputError(
                f"has a kernel that does not fit its input: {name}, {kernel.shape}"
            )
        outputs = kernel.shape[3] * (kernel.shape[2] if depthwise else 1)
        bias = np.zeros(outputs) if bias is None else np.asarray(bias)
        if bias.shape != (outputs,):
            raise InputError(f"has a bias that does not fit its kernel: {name}")
        kind = "depthwise" if depthwise else "conv"
        return self._windowed(
            kind,
            value,
            kernel.shape[:2],
            strides,
            padding,
            (name, order, layer),
            {"kernel": kernel, "bias": bias.astype(np.float32)},
            outputs,
        )

    def max_pool(
        self, value, size, strides, padding, name, *, order=LAST, layer=None
    ) -> Value:
        """Maxima of windows; what is around the map counts for nothing."""
        found = self._windowed(
            "max_pool", value, size, strides, padding, (name, order, layer), {}, None
        )
        found.node.attributes["size"] = tuple(size)
        return found

    def _windowed(self, kind, value, size, strides, padding, about, constants, outputs):
        name, order, layer = about
        self._require_order(value, order, name)
        source = self.plain(value.like(padding=NOWHERE), name)
        rows, columns, channels = source.node.shape
        if padding == "SAME":
            padding = same_padding((rows, columns), size, strides)
        top, left, bottom, right = np.add(padding, value.padding).tolist()
        places = tuple(
            (side - window) // stride + 1
            for side, window, stride in zip(
                (rows + top + bottom, columns + left + right),
                size,
                strides,
                strict=True,
            )
        )
        if min(*size, *strides, *places) < 1:
            raise InputError(f"has a window that does not fit its input: {name}")
        # Of one window the stride says nothing.
        strides = tuple(
            stride if count > 1 else 1
            for stride, count in zip(strides, places, strict=True)
        )
        attributes = {"strides": strides, "start": (top, left)}
        shape = (*places, outputs or channels)
        return Value(
            Node(kind, (source.node,), shape, name, constants, attributes, layer), order
        )

    def dense(self, value, kernel, bias, name, layer=None) -> Value:
        """A dense layer; kernel (inputs in their stored order, outputs)."""
        source = self.plain(value, name)
        kernel = np.asarray(kernel, np.float32)
        if len(source.order) != 1 or kernel.shape[:1] != source.stored:
            raise InputError(
                f"has a matrix that does not fit its input: {name}, {kernel.shape} for "
                f"{source.stored}"
            )
        [axes] = source.order
        kernel = kernel.reshape(*(source.sides[a] for a in axes), kernel.shape[-1])
        kernel = kernel.transpose(*np.argsort(axes), 3)
        found = self.convolve(
            source.like(order=LAST), kernel, bias, (1, 1), NOWHERE, name, layer=layer
        )
        return found.like(order=((0, 1, 2),))

    def affine(self, value, constants, name, layer=None) -> Value:
        """Factor and shift, or batch norm; constants (1,) or (channels,)."""
        node = self.node_of(value, name)
        made = Node("affine", (node,), node.shape, name, constants, layer=layer)
        return Value(made, value.order)

    def prelu_layer(self, value, alpha, name, layer) -> Value:
        node = self.node_of(value, name)
        made = Node("prelu", (node,), node.shape, name, {"alpha": alpha}, layer=layer)
        return Value(made, value.order)

    def mean(self, value, name, keep=True) -> Value:
        """The mean over all places."""
        node = self.node_of(value, name)
        made = Node("mean", (node,), (1, 1, node.shape[2]), name)
        return Value(made, value.order if keep else ((0, 1, 2),))

    # What is linear on either side of 0.

    def leaky(self, value: Value, alpha: np.ndarray, name: str) -> Value:
        """ReLU is of alpha 0, PReLU of one alpha a channel."""
        value = self._linear(value, name)
        p, n = value.positive, value.negative
        positive, negative = (
            np.where(p >= 0, p, alpha * p),
            np.where(n <= 0, n, alpha * n),
        )
        return value.like(positive=positive, negative=negative, name=name)

    def relu(self, value, name) -> Value:
        return self.leaky(value, np.zeros(1), name)

    def at_least(self, value: Value, constant: np.ndarray, name: str) -> Value:
        """The larger of a value and a constant: ReLU, or the floor of a norm."""
        if value.is_floored_by(constant):
            return value
        if np.any(np.asarray(constant)):
            raise InputError(f"has an activation of no known kind: {name}")
        return self.relu(value, name)

    def absolute(self, value, name) -> Value:
        return self.leaky(value, -np.ones(1), name)

    def multiply(self, value: Value, constant: np.ndarray, name: str) -> Value:
        factor = value.channels(constant, name)
        value = self._linear(value, name)
        if value.is_activation:  # a factor behind it, not a part of it
            value = self.plain(value, name)
        return value.like(
            positive=value.positive * factor,
            negative=value.negative * factor,
            name=name,
        )

    def shift(self, value: Value, constant: np.ndarray, name: str) -> Value:
        """The value plus a constant."""
        if value.is_floored_by(constant):
            return value
        shift = value.channels(constant, name)
        if not np.any(shift):
            return value
        if value.is_linear and np.array_equal(value.positive, value.negative):
            factor, whole = value.positive, Value(value.node, value.order)
            return self.affine(whole, {"factor": factor, "shift": shift}, name)
        return self.affine(value, {"factor": np.ones(1), "shift": shift}, name)

    def _linear(self, value, name):
        if value.is_linear:
            return value
        return self.plain(value, name)

    # Operators with two or more inputs.

    def add(self, one: Value, other: Value, name: str, layer=None) -> Value:
        if not one.lies_as(other.order):
            raise InputError(f"must add maps of one order. Received: {name}")
        if one.node is other.node and one.is_linear and other.is_linear:
            return one.like(
                positive=one.positive + other.positive,
                negative=one.negative + other.negative,
                name=name,
            )
        nodes = tuple(self.node_of(each, name) for each in (one, other))
        if nodes[0].shape != nodes[1].shape:
            raise InputError(
                f"must add maps of one shape. Received: {name} of "
                f"{nodes[0].text} and {nodes[1].text}"
            )
        made = Node("add", nodes, nodes[0].shape, name, layer=layer)
        return Value(made, one.order)

    def larger(self, one: Value, other: Value, name: str, sign: int = 1) -> Value:
        """The larger of two values that are linear in one map; the smaller for -1."""
        linear = one.is_linear and other.is_linear
        if one.node is not other.node or not linear:
            raise InputError(f"has a maximum of two maps: {name}")
        up, down = (np.maximum, np.minimum)[::sign]
        return one.like(
            positive=up(one.positive, other.positive),
            negative=down(one.negative, other.negative),
            name=name,
        )

    def product(self, one: Value, other: Value, name: str) -> Value:
        """x * x and x * (1 / |x|), as an L2 normalisation has them."""
        if other.norm == "inverse":
            one, other = other, one
        if one.norm == "inverse" and other.is_plain and one.node is other.node:
            return other.like(norm="unit", name=name)
        if one.node is other.node and one.is_plain and other.is_plain:
            return one.like(norm="square")
        raise InputError(f"must multiply with constants only. Received: {name}")

    def quotient(self, one: Value, other: Value, name: str) -> Value:
        """x / |x|."""
        if other.norm == "norm" and one.is_plain and one.node is other.node:
            return one.like(norm="unit", name=name)
        raise InputError(f"must divide by constants only. Received: {name}")

    def step(self, value: Value, before: str | None, after: str, name: str) -> Value:
        """A step from a map to its norm, such as from "sum" to "norm"."""
        whole = value if before else self.plain(value, name)
        if whole.norm != before or (value.node.shape[:2] != (1, 1)):
            raise InputError(f"must normalise at its end only. Received: {name}")
        return whole.like(norm=after, name=name)

    def concatenate(self, values, axis, name, layer=None) -> Value:
        """Channels side by side; `axis` counts stored axes without the batch."""
        nodes = tuple(self.node_of(value, name) for value in values)
        first = values[0]
        fits = (
            -len(first.order) <= axis < len(first.order)
            and 2 in first.order[axis]
            and all(value.order == first.order for value in values)
            and all(node.shape[:2] == nodes[0].shape[:2] for node in nodes)
            and (len(first.order) == 3 or nodes[0].shape[:2] == (1, 1))
        )
        if not fits:
            raise InputError(f"must join channels only. Received: {name}")
        shape = (*nodes[0].shape[:2], sum(node.shape[2] for node in nodes))
        return Value(Node("concat", nodes, shape, name, layer=layer), first.order)

    def _require_order(self, value, order, name):
        if not value.lies_as(order):
            raise InputError(f"must have its channels on another axis: {name}")


def same_padding(sides, size, strides) -> tuple[int, int, int, int]:
    """TensorFlow's SAME: less above and at the left if the zeros are odd."""
    totals = [
        max((-(-side // stride) - 1) * stride + window - side, 0)
        for side, window, stride in zip(sides, size, strides, strict=True)
    ]
    top, left = (total // 2 for total in totals)
    return top, left, totals[0] - top, totals[1] - left
