"""The weights of a network's file in a backbone of ours, proved by running both."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from tf_sphereface.backbones.iresnet import BLOCKS
from tf_sphereface.backbones.sphereface_cnn import RESIDUAL_UNITS
from tf_sphereface.errors import InputError
from tf_sphereface.network_names import with_depth
from tf_sphereface.weights.assignment import Row
from tf_sphereface.weights.files.tensors import FOLDED
from tf_sphereface.weights.graphs.backbone_graph import graph_of
from tf_sphereface.weights.graphs.graph import LINEAR, Graph
from tf_sphereface.weights.graphs.matching import PartedError, match
from tf_sphereface.weights.graphs.reading import read_network

_LARGEST_DIFFERENCE = 1e-4  # of the embedding's length
# Channels that the first convolution gives, and those that the last one takes.
_CHANNELS = {
    "sphereface_cnn": (64, 512),
    "mobilefacenet": (64, 512),
    "iresnet": (64, 512),
    "inception_resnet_v1": (32, 1792),
}
_FEWEST_WEIGHTS = 500_000  # of a network as wide as the published ones
_MANY_WEIGHTS = 50_000_000  # 200 MB, which any file may ask for
# Sums in each network: what can be another one is told by them.
_SUMS = {
    **{f"sphereface{depth}": sum(units) for depth, units in RESIDUAL_UNITS.items()},
    **{f"iresnet{depth}": sum(blocks) for depth, blocks in BLOCKS.items()},
    "mobilefacenet": 12,
    "inception_resnet_v1": 21,
}


class GraphImport:
    """A file's network and the backbone of its size.

    Args:
        path: The file.
        kind: "onnx" or "tflite".
        backbone: Name, perhaps with the depth.
        arguments: Of the backbone, what the user gives; the depth included.
        networks: `NETWORKS`.

    Raises: InputError if the file can be no backbone of ours.
    """

    def __init__(self, path: Path, kind: str, backbone: str, arguments, networks):
        self._path, self._networks = path, networks
        self._network = read_network(path, kind)
        self._title = backbone
        graph, pixels = self._network.graph, self._network.graph.pixels
        own = {f"pixel_{name}": _values(pixels[name]) for name in pixels}
        for name in own.keys() & arguments.keys():
            raise InputError(
                f"{path} normalises pixels itself, by {name} {own[name]}: give none"
            )
        name, given = with_depth(backbone, arguments)
        contract = {"channel_order": networks[name].channel_order, **own}
        told = arguments_of(name, graph, given)
        self.arguments = {**contract, **told, **given}
        if reason := misproportion(name, graph, self.arguments):
            raise InputError(self._complaint(reason))
        self.model = self._make(name, self.arguments)
        self.notes = list(graph.notes)
        if not {"pixel_mean", "channel_order"} <= {*own, *arguments}:
            formula = self.model.pixel_contract.formula
            self.notes.append(
                f"the file does not say its pixels: taken for {formula}; say others "
                "with --mean, --scale and --channel-order"
            )

    def fill(self) -> list[Row]:
        """Assigns all weights, and compares the embeddings of both networks.

        Raises: InputError if they are not the same network, or do not agree.
        """
        try:
            found = match(graph_of(self.model), self._network.graph)
        except PartedError as error:
            raise InputError(self._complaint(error)) from error
        for each in found:
            getattr(each.layer, each.weight).assign(each.values)
        self._compare()
        if any(each.note == "folded batch norm" for each in found):
            self.notes.append(FOLDED)
        return [
            Row(
                each.source,
                each.values.shape,
                "float32",
                f"{each.layer.name}/{each.weight}",
                each.note,
            )
            for each in found
        ]

    def _compare(self):
        network, pixels = self._network, self._network.graph.pixels
        inputs = network.inputs
        if pixels:
            mean, scale = (np.float32(pixels[name]) for name in ("mean", "scale"))
            inputs = (inputs - mean) / scale
        ours = np.concatenate(
            [np.asarray(self.model(crop[None], training=False)) for crop in inputs]
        ).astype(np.float64)
        theirs = network.outputs.astype(np.float64)
        if network.graph.normalised:
            ours /= np.linalg.norm(ours, axis=1, keepdims=True)
        lengths = np.linalg.norm(theirs, axis=1)
        difference = np.max(np.linalg.norm(ours - theirs, axis=1) / lengths)
        if not difference <= _LARGEST_DIFFERENCE:
            raise InputError(
                f"{self._path}: the backbone's embeddings differ from the file's own "
                f"by {difference:.2g} of their length; at most {_LARGEST_DIFFERENCE:g} "
                "is allowed"
            )

    def _complaint(self, reason):
        message = f"{self._path} is no {self._title}: {reason}"
        fitting = self._other_backbone()
        if fitting is not None:
            return f"{message}. It fits --backbone {fitting}"
        return f"{message}; docs/import_weights.md says which forms are known"

    def _other_backbone(self):
        """Name of a backbone of the registry that the file fits; None if none does."""
        graph = self._network.graph
        sums = sum(node.kind == "add" for node in graph.nodes())
        own = with_depth(self._title, {})
        for title, count in _SUMS.items():
            name, depth = with_depth(title, {})
            if count != sums or (name, depth) == own:
                continue
            arguments = {**arguments_of(name, graph), **depth}
            try:
                if misproportion(name, graph, arguments) is None:
                    match(graph_of(self._make(name, arguments)), graph)
                    return title
            except (PartedError, InputError):
                continue
        return None

    def _make(self, name, arguments):
        """The backbone, unless it is much larger than the file."""
        nodes = self._network.graph.nodes()
        weights = sum(v.size for node in nodes for v in node.constants.values())
        factor, sides = arguments["width_multiplier"], ("height", "width")
        rows, columns = (-(-arguments[side] // 16) for side in sides)
        dense = rows * columns * 512 * factor * arguments["embedding_dim"]
        wide = _FEWEST_WEIGHTS * factor**2 if factor > 1 else 0
        if wide > weights or dense > max(weights, _MANY_WEIGHTS):
            raise InputError(
                f"{self._path} has too few weights ({weights}) for the {name} that its "
                "shapes ask for"
            )
        return self._networks[name].make(**arguments)


def arguments_of(name: str, graph: Graph, given: Collection[str] = ()) -> dict:
    """Arguments of a backbone, as a graph tells them.

    Args:
        name: One of `NETWORKS`.
        graph: Of the file.
        given: Names of those that are said already.

    Raises: InputError if the graph has no convolution.
    """
    nodes = graph.nodes()
    linear = [node for node in nodes if node.kind in LINEAR]
    image = next(node for node in nodes if node.kind == "input")
    if not linear:
        raise InputError("a network without a convolution is none of ours")
    _, last = _CHANNELS[name]
    found = {
        "width_multiplier": linear[-1].inputs[0].shape[2] / last,
        "embedding_dim": graph.output.shape[2],
        "height": image.shape[0],
        "width": image.shape[1],
    }
    if name == "sphereface_cnn" and not {"batch_norm", "residual_bias"} & set(given):
        norms = any("gamma" in node.constants for node in nodes)
        biased = sum(np.any(node.constants["bias"]) for node in linear)
        # Without them only the first convolution of a stage has one, and FC1.
        found |= {"batch_norm": norms, "residual_bias": not norms and biased > 5}
    if name == "mobilefacenet":
        first = linear[0].attributes
        unpadded = first["strides"] == (2, 2) and first["start"] == (0, 0)
        found["tensorflow_padding"] = unpadded
    return found


def misproportion(name: str, graph: Graph, arguments: dict) -> str | None:
    """Channels that a backbone would not have, in words; None if there are none."""
    linear = [node for node in graph.nodes() if node.kind in LINEAR]
    first, last = _CHANNELS[name]
    expected = max(1, round(first * arguments["width_multiplier"]))
    if linear[0].shape[2] == expected:
        return None
    taken = linear[-1].inputs[0].shape[2]
    return (
        f"its {linear[0].text} would have {expected} channels there, as its last "
        f"convolution takes {taken} (as published {first} and {last})"
    )


def _values(number):
    return tuple(number) if isinstance(number, list) else number
