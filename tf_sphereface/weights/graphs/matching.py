"""The nodes of a file's network paired with those of a backbone, and their weights.

Both graphs are walked from the embedding to the image. Where maps are added, the branch
with more convolutions is the same one in both: no order has to be tried.
"""

import dataclasses

import numpy as np

from tf_sphereface.weights.graphs.graph import LINEAR, Graph, Node, affine_of

_SAME_ATTRIBUTES = ("strides", "start", "size")


class PartedError(ValueError):
    """Two graphs that part: at the first pair, from the embedding on, that differs."""

    def __init__(self, mine: Node, theirs: Node, reason: str = ""):
        super().__init__(
            f"its {theirs.text} is where the backbone has the {mine.text}"
            f"{reason and f', {reason}'}"
        )


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Numbers for a weight.

    Args:
        layer: The Keras layer.
        weight: Name of the weight, such as "kernel".
        values: float64, of the weight's shape.
        source: The file's operator.
        note: What was done to the numbers.
    """

    layer: object
    weight: str
    values: np.ndarray
    source: str
    note: str = ""


def match(mine: Graph, theirs: Graph) -> list[Assignment]:
    """The weights of a backbone, of the constants of a file.

    Args:
        mine: Graph of the backbone, with its layers.
        theirs: Graph of the file.

    Raises: PartedError if the two are not the same network.
    """
    matcher = _Matcher()
    matcher.walk(mine.output, theirs.output)
    return matcher.assignments


class _Matcher:
    def __init__(self):
        self.assignments, self._paired, self._todo = [], {}, []

    def walk(self, mine, theirs):
        self._todo = [(mine, theirs)]
        while self._todo:
            self._pair(*self._todo.pop())

    def _pair(self, mine, theirs):
        if self._is_done(mine, theirs):
            return
        my_affines, my_base = _peeled(mine)
        affines, base = _peeled(theirs)
        if my_base.kind in LINEAR and base.kind in LINEAR:
            self._pair_linear(my_base, my_affines, base, affines)
            return
        self._pair_affines(mine, my_affines, theirs, affines)
        if mine is my_base or not self._is_done(my_base, base):
            self._pair_others(my_base, base)

    def _is_done(self, mine, theirs):
        """True if these were paired before; by another way they must be the same."""
        if mine not in self._paired:
            self._paired[mine] = theirs
            return False
        if self._paired[mine] is not theirs:
            raise PartedError(mine, theirs, "which is another one elsewhere")
        return True

    def _pair_others(self, mine, theirs):
        same = mine.kind == theirs.kind and mine.shape == theirs.shape
        if not same or len(mine.inputs) != len(theirs.inputs):
            raise PartedError(mine, theirs)
        _require_same_attributes(mine, theirs)
        if mine.kind == "prelu":
            self._assign_prelu(mine, theirs)
        mine_inputs, their_inputs = mine.inputs, theirs.inputs
        if mine.kind == "add":
            mine_inputs, their_inputs = (
                sorted(each, key=lambda node: node.depth)
                for each in (mine_inputs, their_inputs)
            )
        self._todo += zip(mine_inputs, their_inputs, strict=True)

    def _assign_prelu(self, mine, theirs):
        alpha = theirs.constants["alpha"].astype(np.float64)
        if mine.layer is None:
            if np.any(alpha != mine.constants["alpha"]):
                raise PartedError(mine, theirs, "of other slopes")
            return
        self._assign(mine.layer, "alpha", alpha, theirs)

    def _pair_affines(self, mine, my_affines, theirs, affines):
        layers = [node for node in my_affines if node.layer is not None]
        if len(my_affines) > 1 or (my_affines and not layers):
            raise PartedError(mine, theirs)
        if not my_affines:
            if affines:
                raise PartedError(mine, theirs)
            return
        [node] = layers
        if len(affines) == 1 and "gamma" in affines[0].constants:
            self._assign_statistics(node, affines[0], 0.0)
            return
        factor, shift = _composed(affines)
        self._assign_identity(node, factor, shift, affines[0] if affines else theirs)

    def _pair_linear(self, mine, my_affines, theirs, affines):
        linear = _Linear(theirs, affines)
        [source] = mine.inputs
        while linear.can_join() and _peeled(source)[1].kind != "conv":
            linear = linear.joined()
        sized = mine.kind == theirs.kind and mine.shape == theirs.shape
        if not sized or mine.constants["kernel"].shape != linear.kernel.shape:
            raise PartedError(mine, theirs, linear.about(mine))
        _require_same_attributes(mine, theirs)
        norms = [node for node in my_affines if node.layer is not None]
        factors = [affine_of(node) for node in my_affines if node.layer is None]
        self._fill(mine, norms, factors, linear)
        self._todo.append((source, linear.source))

    def _fill(self, mine, norms, factors, linear):
        kept = linear.statistics()
        if len(norms) == 1 and kept is not None and not factors:
            [norm] = norms
            self._assign_kernel(mine, linear.kernel, linear)
            if mine.layer.use_bias:
                self._assign(mine.layer, "bias", linear.bias, linear.node)
                self._assign_statistics(norm, kept, 0.0)
            else:
                self._assign_statistics(norm, kept, linear.bias)
            return
        kernel, bias = linear.folded()
        for factor, shift in factors:  # constant ones of ours, behind the layer
            if np.any(shift) or np.any(factor == 0):
                raise PartedError(mine, linear.node)
            kernel, bias = kernel / factor, bias / factor
        self._assign_kernel(mine, kernel, linear)
        if norms:
            [norm] = norms
            self._assign_identity(norm, np.ones(1), bias, linear.node)
            bias = np.zeros_like(bias)
        if mine.layer.use_bias:
            self._assign(mine.layer, "bias", bias, linear.node)
        elif np.any(bias):
            raise PartedError(mine, linear.node, "without a bias")

    def _assign_kernel(self, mine, kernel, linear):
        shape = tuple(mine.layer.kernel.shape)
        self._assign(
            mine.layer, "kernel", kernel.reshape(shape), linear.node, linear.note
        )

    def _assign_statistics(self, norm, theirs, bias):
        """Batch norm as the file has it; ours may have another epsilon."""
        constants = {k: np.asarray(v, np.float64) for k, v in theirs.constants.items()}
        variance, layer = constants["variance"], norm.layer
        scale = np.sqrt((variance + layer.epsilon) / (variance + constants["epsilon"]))
        count = norm.shape[2]
        for name, values in {
            "gamma": constants["gamma"] * scale,
            "beta": constants["beta"],
            "moving_mean": constants["mean"] - bias,
            "moving_variance": variance,
        }.items():
            self._assign(layer, name, np.broadcast_to(values, count), theirs)

    def _assign_identity(self, norm, factor, shift, theirs):
        """Batch norm of factor * x + shift; the deviation is 1 with our epsilon."""
        layer, count, note = norm.layer, norm.shape[2], "folded batch norm"
        ones = np.ones(count)
        for name, values in {
            "gamma": factor,
            "beta": shift,
            "moving_mean": 0 * ones,
            "moving_variance": (1 - layer.epsilon) * ones,
        }.items():
            self._assign(layer, name, np.broadcast_to(values, count), theirs, note)

    def _assign(self, layer, weight, values, theirs, note=""):
        shape = tuple(getattr(layer, weight).shape)
        values = np.reshape(values, shape)
        self.assignments.append(Assignment(layer, weight, values, theirs.name, note))


class _Linear:
    """A convolution of the file with what is affine behind it."""

    def __init__(self, node, affines, kernel=None, bias=None, note=""):
        self.node, self._affines, self.note = node, affines, note
        self.source = node.inputs[0]
        self.kernel = np.asarray(
            node.constants["kernel"] if kernel is None else kernel, np.float64
        )
        self.bias = np.asarray(
            node.constants["bias"] if bias is None else bias, np.float64
        )

    def statistics(self):
        """The one batch norm behind it; None if there is another number."""
        if len(self._affines) == 1 and "gamma" in self._affines[0].constants:
            return self._affines[0]
        return None

    def folded(self):
        """Kernel and bias with what is affine behind."""
        factor, shift = _composed(self._affines)
        along = factor
        if self.node.kind == "depthwise" and factor.size > 1:
            along = factor.reshape(self.kernel.shape[2:])
        return self.kernel * along, self.bias * factor + shift

    def can_join(self):
        """True if it follows a 1 x 1 convolution: then both are one convolution."""
        affines, before = _peeled(self.source)
        return (
            self.node.kind == "conv"
            and before.kind == "conv"
            and before.constants["kernel"].shape[:2] == (1, 1)
            and before.attributes["strides"] == (1, 1)
            and before.attributes["start"] == (0, 0)
            and before.shape[:2] == before.inputs[0].shape[:2]
            and self._is_unpadded()
        )

    def _is_unpadded(self):
        sides = zip(
            self.node.shape,
            self.node.attributes["strides"],
            self.kernel.shape,
            self.node.inputs[0].shape[:2],
            strict=False,
        )
        return self.node.attributes["start"] == (0, 0) and all(
            (count - 1) * stride + window <= side
            for count, stride, window, side in sides
        )

    def joined(self):
        affines, before = _peeled(self.source)
        first, first_bias = _Linear(before, affines).folded()
        kernel, bias = self.folded()
        joined = _Linear(
            self.node,
            [],
            np.einsum("im,hwmo->hwio", first[0, 0], kernel),
            bias + np.einsum("m,hwmo->o", first_bias, kernel),
            "two linear convolutions in one",
        )
        joined.source = before.inputs[0]
        return joined

    def about(self, mine):
        shapes = (self.kernel.shape, mine.constants["kernel"].shape)
        return "of kernels {} and {}".format(*shapes)


def _peeled(node):
    """Affine nodes from this one down, the last one first, and the map below."""
    affines = []
    while node.kind == "affine":
        affines.insert(0, node)
        [node] = node.inputs
    return affines, node


def _composed(affines):
    """Factor and shift of affine nodes, the first nearest to the image."""
    factor, shift = np.ones(1), np.zeros(1)
    for node in affines:
        own_factor, own_shift = affine_of(node)
        factor, shift = factor * own_factor, shift * own_factor + own_shift
    return factor, shift


def _require_same_attributes(mine, theirs):
    for name in _SAME_ATTRIBUTES:
        one, other = mine.attributes.get(name), theirs.attributes.get(name)
        if one != other:
            raise PartedError(mine, theirs, f"of {name} {other} and {one}")
