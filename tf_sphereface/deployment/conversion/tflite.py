"""Conversion of a Keras network to a float32 TFLite file."""

import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.bundle.records import INPUT_NAME, FeatureRecord
from tf_sphereface.deployment.conversion.graph import embedding_graph, input_dtype
from tf_sphereface.deployment.conversion.saved_model import write_graph
from tf_sphereface.files import scratch_folder
from tf_sphereface.preprocessing import PixelContract

SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class FloatModel:
    """The float network that every variant is made from.

    A phone embeds one face at a time, and delegates for its GPU or NPU want fixed
    shapes: a free batch adds SHAPE, STRIDED_SLICE and PACK operators and splits the
    graph into two delegate partitions. Hence the fixed batch of 1.

    Args:
        backbone: Built float32 network, batch norm folded.
        pixel_contract: Of the network.
        feature: The steps that are inside the graph.
        batch: Number of faces of a call; None is any number.
    """

    backbone: keras.Model
    pixel_contract: PixelContract
    feature: FeatureRecord = FeatureRecord()
    batch: int | None = 1

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.backbone.name

    @property
    def has_dense_layer(self) -> bool:
        """True if a layer of the network is dense."""
        layers = self.backbone._flatten_layers()
        return any(isinstance(layer, keras.layers.Dense) for layer in layers)

    def inputs(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Input of the graph, from uint8 RGB crops (crops, height, width, 3)."""
        if "pixels" in self.feature.inside:
            return aligned_faces
        return self.pixel_contract.normalize(aligned_faces.astype(np.float32))

    @functools.cached_property
    def content(self) -> bytes:
        """The float32 TFLite file."""
        return self.convert()

    def convert(self) -> bytes:
        """Converts the network to a float32 TFLite file.

        Raises: tf.lite's ConverterError if an operator has no TFLite counterpart.
        """
        with scratch_folder() as folder:
            directory = str(folder)
            self._write_saved_model(directory)
            # Not from_concrete_functions: with a Keras 3 model it writes no weights.
            return tf.lite.TFLiteConverter.from_saved_model(directory).convert()

    def _write_saved_model(self, directory):
        shape = (self.batch, *self.backbone.input_shape[1:])
        spec = tf.TensorSpec(shape, input_dtype(self.feature), name=INPUT_NAME)
        graph = embedding_graph(self.backbone, self.pixel_contract, self.feature)

        write_graph(directory, {SIGNATURE: (graph, spec)}, self.backbone.variables)
