"""A network as a graph of few kinds of nodes, whatever file or library it comes from.

Every value is a map (rows, columns, channels): a vector is a map of one place, a dense
layer a convolution over a whole map. So it does not matter whether a file flattens in
the order C, H, W, in the order H, W, C, or not at all.
"""

import dataclasses
import json
from typing import Any

import numpy as np

from tf_sphereface.errors import InputError

LINEAR = ("conv", "depthwise")


@dataclasses.dataclass(eq=False, repr=False)
class Node:
    """An operation and the map that it gives.

    Args:
        kind: "input"; "conv" or "depthwise" (constants kernel and bias, of kernel the
            shape is (height, width, channels, outputs or multiplier); attributes
            strides and start, the zeros above and at the left); "affine" (factor and
            shift, or the gamma, beta, mean, variance and epsilon of batch norm);
            "prelu" (alpha); "add"; "concat"; "max_pool" (attributes size, strides,
            start); "mean" over all places; "l2", a division by the norm.
        inputs: Nodes whose maps it takes.
        shape: Rows, columns and channels.
        name: Its name in the file, for messages.
        constants: float32 arrays by name.
        attributes: Numbers by name.
        layer: The Keras layer, in a graph of ours; None of a constant operation.
    """

    kind: str
    inputs: tuple["Node", ...]
    shape: tuple[int, int, int]
    name: str
    constants: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    layer: Any = None

    def __post_init__(self):
        below = max((node.depth for node in self.inputs), default=0)
        self.depth = below + (self.kind in LINEAR)

    def __repr__(self):  # without the inputs, whose paths are without number
        return self.text

    @property
    def text(self) -> str:
        """Kind, name and shape in words."""
        sizes = " x ".join(map(str, self.shape))
        return f"{self.kind} {self.name:.60} of {sizes}"


@dataclasses.dataclass
class Graph:
    """A network of one input and one embedding.

    Args:
        output: The node that gives the embedding.
        notes: What was left out, in words.
        pixels: "mean" and "scale" if the file takes pixels 0..255 and normalises them.
        normalised: True if the file divides the embedding by its norm.
    """

    output: Node
    notes: list[str] = dataclasses.field(default_factory=list)
    pixels: dict[str, Any] = dataclasses.field(default_factory=dict)
    normalised: bool = False

    def nodes(self) -> list[Node]:
        """All nodes, each behind its inputs."""
        found, todo = {}, [(self.output, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                found.setdefault(id(node), node)
            elif id(node) not in found:
                todo.append((node, True))
                todo += [(each, False) for each in node.inputs]
        return list(found.values())


def affine_of(node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Factor and shift of an affine node, float64 (channels,) or numbers."""
    constants = {
        name: np.asarray(values, np.float64) for name, values in node.constants.items()
    }
    if "factor" in constants:
        return constants["factor"], constants["shift"]
    deviation = np.sqrt(constants["variance"] + constants["epsilon"])
    factor = constants["gamma"] / deviation
    return factor, constants["beta"] - factor * constants["mean"]


def pack(graph: Graph) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and texts for a safetensors file."""
    nodes = graph.nodes()
    places = {id(node): place for place, node in enumerate(nodes)}
    arrays, rows = {}, []
    for place, node in enumerate(nodes):
        inputs = [places[id(each)] for each in node.inputs]
        rows.append([node.kind, inputs, node.shape, node.name, node.attributes])
        for name, values in node.constants.items():
            arrays[f"{place}/{name}"] = np.array(values, np.float32, order="C")
    whole = {
        "nodes": rows,
        "notes": graph.notes,
        "pixels": graph.pixels,
        "normalised": graph.normalised,
    }
    return arrays, {"graph": json.dumps(whole)}


def unpack(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> Graph:
    """The graph of what `pack` gave."""
    whole, nodes = json.loads(texts["graph"]), []
    for kind, inputs, shape, name, attributes in whole["nodes"]:
        taken = tuple(nodes[place] for place in inputs)
        lists = {key: tuple(numbers) for key, numbers in attributes.items()}
        nodes.append(Node(kind, taken, tuple(shape), name, {}, lists))
    for key, values in arrays.items():
        place, _, name = key.partition("/")
        if place.isdecimal():
            nodes[int(place)].constants[name] = values
    del whole["nodes"]
    return Graph(nodes[-1], **whole)


def finished(output: Node) -> Graph:
    """A graph without a final L2 normalisation and without that of the pixels.

    Raises: InputError if a node in between has no place in an embedding network.
    """
    graph = Graph(output)
    if output.kind == "l2":
        graph.output, graph.normalised = output.inputs[0], True
        graph.notes.append("the L2 normalisation at the end is left out: heads have it")
    if graph.output.shape[:2] != (1, 1):
        raise InputError(f"must give one embedding. Received: {graph.output.text}")
    for node in graph.nodes():
        if node.kind == "l2":
            raise InputError(f"must normalise at its end only. Received: {node.text}")
    _take_out_pixels(graph)
    return graph


def _take_out_pixels(graph):
    """Affine functions of the input are its pixel contract."""
    factor, shift = np.ones(1), np.zeros(1)
    found = [n for n in graph.nodes() if n.kind == "affine" and _is_of_input(n)]
    for node in found:
        own_factor, own_shift = affine_of(node)
        factor, shift = factor * own_factor, shift * own_factor + own_shift
    if not found:
        return
    if len(factor) == 1 == len(shift):
        factor, shift = factor[0], shift[0]
    else:
        factor, shift = np.broadcast_arrays(factor, shift)
    if np.min(factor) <= 0 or graph.output is found[-1]:
        raise InputError(f"must normalise its pixels. Received: {found[-1].text}")
    graph.pixels = {
        "mean": _rounded(-shift / factor),
        "scale": _rounded(1 / factor),
    }
    image = found[0].inputs[0]
    for node in graph.nodes():
        node.inputs = tuple(image if each in found else each for each in node.inputs)


def _is_of_input(node):
    while node.kind == "affine":
        [node] = node.inputs
    return node.kind == "input"


def _rounded(numbers):
    """Numbers as they were meant: 127.5 for the inverse of 1 / 127.5 in float32."""
    return np.vectorize(lambda number: float(f"{number:.6g}"))(numbers).tolist()
