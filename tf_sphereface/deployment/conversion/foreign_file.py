"""Float TFLite files from elsewhere, as networks to make variants of."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.deployment.conversion.phone_form import in_phone_form
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.networks import require_runnable
from tf_sphereface.preprocessing import Values, chosen_pixels
from tf_sphereface.runtimes.litert import allocate, open_interpreter, reports_refusals
from tf_sphereface.runtimes.tflite_graph import TFLiteGraph

_LOG = logging.getLogger(__name__)
_COUNTED = ("FLOAT32", "INT32", "INT64", "BOOL")  # types of no quantised tensor
_TYPES = {
    code: name
    for name, code in vars(schema.TensorType).items()
    if isinstance(code, int)
}


class FloatFile:
    """The float network of a TFLite file that something else has written.

    It has what `FloatModel` has, for every variant to be made from it.

    Args:
        path: TFLite file with one float32 input (batch, height, width, 3) and one
            float32 output (batch, embedding_dim).
        mirror: Policy of the feature: "none", "concat" or "mean".
        pixels: Fields of the pixel contract that the user says; see `chosen_pixels`.
        size: Height and width of the crops, pixels, for a file whose sides are free.

    Attributes:
        content: The file in our form; its function is that of the original.
        name: That of every such file; its own may tell who had it.
        pixel_contract: Of the network.
        feature: The feature; no step of it is inside.
        embedding_dim: Length of its output.
        parameters: Number of its weights.
        has_dense_layer: True if a layer of the network is dense.

    Raises: InputError if it is no such network, is quantised, cannot be brought into
        our form, or cannot be read or run.
    """

    name = "tflite"

    def __init__(
        self,
        path: Path,
        mirror: str = "concat",
        pixels: Mapping[str, str | Values] | None = None,
        size: tuple[int, int] | None = None,
    ):
        self._path = path
        try:
            self._original = path.read_bytes()
        except OSError as error:
            raise InputError(f"no such model: {path}") from error
        require_runnable(self._original, path)
        graph = TFLiteGraph(self._original)
        _require_float_network(graph, path)
        self._shape = _input_shape(graph, path, size)
        with reports_refusals(path):
            self.content = in_phone_form(self._original, self._shape[1:3])
        graph = TFLiteGraph(self.content)
        self.embedding_dim = graph.shape(graph.outputs[0])[1]
        self.parameters = sum(values.size for values in graph.float_constants())
        self.has_dense_layer = any(
            operator.name == "FULLY_CONNECTED" for operator in graph.operators
        )
        self.feature = FeatureRecord(mirror=mirror)
        try:
            self.pixel_contract, note = chosen_pixels(
                str(path), None, self._shape[1:3], pixels or {}
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        if note:
            _LOG.warning(note)

    def inputs(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Input of the graph, from uint8 RGB crops (crops, height, width, 3)."""
        return self.pixel_contract.normalize(aligned_faces.astype(np.float32))

    def reference(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Embeddings by the file as it came, in the batch that it has.

        Args:
            aligned_faces: uint8 (crops, height, width, 3), RGB.

        Returns: Float32 (crops, embedding_dim).
        """
        interpreter = open_interpreter(self._original)
        (source,) = interpreter.get_input_details()
        (sink,) = interpreter.get_output_details()
        embeddings = np.empty((len(aligned_faces), self.embedding_dim), np.float32)
        with reports_refusals(self._path):
            if tuple(source["shape"]) != self._shape:
                interpreter.resize_tensor_input(source["index"], self._shape)
            allocate(interpreter)
            faces = self.inputs(aligned_faces)
            for face, embedding in zip(faces, embeddings, strict=True):
                batch = np.broadcast_to(face, self._shape)
                interpreter.set_tensor(source["index"], batch)
                interpreter.invoke()
                embedding[:] = interpreter.get_tensor(sink["index"])[0]
        return embeddings


def _require_float_network(graph, path):
    if len(graph.model.subgraphs) != 1:
        raise InputError(f"{path} has several subgraphs: none of them is an embedding")
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            f"not a face-embedding network: {path} has {len(graph.inputs)} inputs and "
            f"{len(graph.outputs)} outputs, not one of each"
        )
    types = {_TYPES[tensor.type] for tensor in graph.model.subgraphs[0].tensors}
    if quantised := sorted(types - {*_COUNTED}):
        raise InputError(
            f"{path} is quantised already ({', '.join(quantised)}): variants are made "
            "of a float32 file"
        )
    shape = graph.shape(graph.outputs[0])
    if len(shape) != 2:
        raise InputError(
            f"an embedding model must give (batch, embedding_dim): {path} gives {shape}"
        )


def _input_shape(graph, path, size):
    """(batch, height, width, 3) that the original runs in."""
    shape = graph.signature_shape(graph.inputs[0])
    if len(shape) != 4 or shape[3] != 3:
        raise InputError(
            f"an embedding model must take (batch, height, width, 3): {path} takes "
            f"{shape}"
        )
    sides = shape[1:3]
    if min(sides) < 1:
        if size is None:
            raise InputError(
                f"the sides of the input of {path} are free, {shape}: say them with "
                "--size HEIGHTxWIDTH"
            )
        sides = size
    elif size not in (None, sides):
        raise InputError(
            f"{path} takes {sides[0]}x{sides[1]} crops, not {size[0]}x{size[1]}"
        )
    return max(shape[0], 1), *sides, 3
