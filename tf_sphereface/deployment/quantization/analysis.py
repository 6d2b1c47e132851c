"""Analysis of a quantised file: float tensors, delegated operators, layers' noise."""

import collections
import dataclasses
import re

import numpy as np

from tf_sphereface.bundle.records import LayerLoss, QuantizationRecord
from tf_sphereface.runtimes.litert import allocate, open_interpreter, to_real, to_stored

_WORST = 5
_DELEGATE = "DELEGATE"


@dataclasses.dataclass(frozen=True)
class Partitions:
    """Parts of a graph that the CPU delegate runs.

    Args:
        count: Number of parts that it runs.
        outside: Operators that it does not run, by name and number.
    """

    count: int
    outside: dict[str, int]


def analyse_quantization(
    content: bytes,
    float_content: bytes,
    inputs: np.ndarray,
    quantizer: str,
    kept_float: tuple[str, ...] = (),
) -> QuantizationRecord:
    """Analyses a quantised TFLite file.

    Args:
        content: Of the file.
        float_content: Of the float32 file that it was made from.
        inputs: What the float file takes, (samples, height, width, 3); the layers are
            compared on them, some ten are enough.
        quantizer: Name of the tool that made the file.
        kept_float: Layers that were to stay float.
    """
    interpreter = open_interpreter(content)
    details = {each["index"]: each for each in interpreter.get_tensor_details()}
    operators = [
        operator
        for operator in interpreter._get_ops_details()
        if operator["op_name"] != _DELEGATE
    ]
    made = {index for operator in operators for index in operator["outputs"]}
    used = {index for operator in operators for index in operator["inputs"]}
    ends = {each["index"] for each in interpreter.get_input_details()}
    constants = (used - made - ends) & details.keys()
    parts = delegate_partitions(content)
    return QuantizationRecord(
        quantizer=quantizer,
        kept_float=kept_float,
        float_weights=_layers(
            details[index]["name"]
            for index in constants
            if details[index]["dtype"] is np.float32
            and len(details[index]["shape"]) > 1  # biases are few
        ),
        float_activations=sum(details[index]["dtype"] is np.float32 for index in made),
        activations=len(made),
        delegate_partitions=parts.count,
        operators_outside=parts.outside,
        worst_layers=layer_losses(content, float_content, inputs)[:_WORST],
    )


def delegate_partitions(content: bytes) -> Partitions:
    """Parts of a TFLite file that this machine's CPU delegate (XNNPACK) runs."""
    interpreter = open_interpreter(content)
    allocate(interpreter)
    operators = interpreter._get_ops_details()
    maker = {
        index: operator
        for operator in operators
        if operator["op_name"] != _DELEGATE
        for index in operator["outputs"]
    }
    inside, parts = set(), 0
    for operator in operators:
        if operator["op_name"] != _DELEGATE:
            continue
        parts += 1
        borders, wanted = set(operator["inputs"]), list(operator["outputs"])
        while wanted:  # back from what the part gives to what it takes
            index = wanted.pop()
            if index in borders or index not in maker:
                continue
            if maker[index]["index"] not in inside:
                inside.add(maker[index]["index"])
                wanted += list(maker[index]["inputs"])
    outside = collections.Counter(
        operator["op_name"]
        for operator in operators
        if operator["op_name"] != _DELEGATE and operator["index"] not in inside
    )
    return Partitions(parts, dict(outside))


def layer_losses(
    content: bytes, float_content: bytes, inputs: np.ndarray
) -> tuple[LayerLoss, ...]:
    """Noise of quantisation that each layer adds, worst first.

    Args: as `analyse_quantization`.
    """
    exact, rounded = _Inspected(float_content), _Inspected(content)
    # A name may be that of a layer's output in one file and of its kernel in the other.
    common = [
        name
        for name in exact.made_from
        if name in rounded.made_from and exact.shape(name) == rounded.shape(name)
    ]
    error, power = collections.Counter(), collections.Counter()
    for face in inputs:
        first, second = exact.run(face, common), rounded.run(face, common)
        for name in common:
            error[name] += float(np.square(first[name] - second[name]).sum())
            power[name] += float(np.square(first[name]).sum())
    noise = {name: error[name] / power[name] for name in common if power[name] > 0}
    losses = []
    for name, value in noise.items():
        before = max(
            (noise.get(other, 0) for other in exact.made_from[name]), default=0
        )
        layer = layer_of(name) or name
        losses.append(LayerLoss(layer=layer, noise=value, added=value - before))
    return tuple(sorted(losses, key=lambda loss: -loss.added))


class _Inspected:
    """A TFLite file of which every tensor can be read, as real numbers."""

    def __init__(self, content):
        self._interpreter = open_interpreter(content, all_tensors=True)
        allocate(self._interpreter)
        self._details = {
            each["index"]: each for each in self._interpreter.get_tensor_details()
        }
        self.indices = {each["name"]: key for key, each in self._details.items()}
        self.made_from = {
            self._name(index): [self._name(each) for each in operator["inputs"]]
            for operator in self._interpreter._get_ops_details()
            for index in operator["outputs"]
        }

    def run(self, face, names):
        (taken,) = self._interpreter.get_input_details()
        self._interpreter.set_tensor(taken["index"], to_stored(face[None], taken))
        self._interpreter.invoke()
        return {name: self._real(self.indices[name]) for name in names}

    def shape(self, name):
        return tuple(self._details[self.indices[name]]["shape"])

    def _real(self, index):
        values = self._interpreter.get_tensor(index)
        return to_real(values, self._details[index]).astype(np.float64)

    def _name(self, index):
        return self._details[index]["name"] if index in self._details else ""


def _layers(names):
    return tuple(sorted({layer_of(name) or name for name in names}))


# NETWORK_1/LAYER_1/operation: TensorFlow numbers the scopes of a network's later calls.
_SCOPES = re.compile(r"(?:^|;)[^/;]+?_\d+/([^/;]+?)_\d+/")


def layer_of(tensor: str) -> str | None:
    """The layer that gives a tensor, by the tensor's name; None if none does.

    Of several fused layers it is the first.
    """
    found = _SCOPES.search(tensor)
    return found.group(1) if found else None


def layers_of(content: bytes) -> set[str]:
    """Names of the layers in a TFLite file that was converted from Keras."""
    interpreter = open_interpreter(content)
    names = {layer_of(details["name"]) for details in interpreter.get_tensor_details()}
    return names - {None}
