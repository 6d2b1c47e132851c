"""Embedders of crops that need Keras or TensorFlow, which load on first use."""

import warnings
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

# TensorFlow keeps the memory of the largest batch, 7 MB an image of MobileFaceNet.
_CROPS_ON_CPU = 8


class KerasEmbedder:
    """Embeddings of a Keras model in memory; its weights may change between calls.

    Args:
        model: Images (batch, height, width, 3) to embeddings (batch, embedding_dim). Of
            a `FaceClassifier` the backbone is taken.
        pixel_contract: None: as `embedding_models.network_pixels` finds it.

    Raises: InputError if the model does not give one embedding for a crop.
    """

    kind = "keras"

    def __init__(self, model, pixel_contract: PixelContract | None = None):
        from tf_sphereface.embedding_models import network_pixels

        self._model = getattr(model, "backbone", model)
        if pixel_contract is None:
            pixel_contract, _ = network_pixels(self._model, {}, self._model.name)
        self.pixel_contract = pixel_contract
        self._compiled = _compiled(self._model, pixel_contract)
        self.embedding_dim = _probe(self)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        def forward(crops):
            images = self.pixel_contract.normalize(crops.astype(np.float32))
            return self._compiled(images)

        return _in_parts(forward, aligned_faces)


class SavedModelEmbedder:
    """Embeddings of a SavedModel through its serving signature.

    A signature that takes integers gets the uint8 crops as they are: such an export
    does the pixel contract's arithmetic itself.

    Args:
        path: Folder with saved_model.pb.
        pixel_contract: What the signature takes; None is the default one in the size
            of the signature.
        mirror: "none", "concat" or "mean" if the signature gives whole features of
            this policy; None if it gives the embedding of the crop.
        trust: Load it whatever operators it has: it is a program.

    Attributes:
        takes_pixels: True if it takes uint8 crops as they are.

    Raises: InputError if there is no signature of one image to one embedding, or as
        `check_saved_model`.
    """

    kind = "saved_model"

    def __init__(
        self,
        path: Path,
        pixel_contract: PixelContract | None = None,
        mirror: str | None = None,
        trust: bool = False,
    ):
        import tensorflow as tf

        from tf_sphereface.foreign.saved_model_check import check_saved_model

        if not trust:
            check_saved_model(path)
        self._loaded = tf.saved_model.load(str(path))
        signatures = self._loaded.signatures
        name = "serving_default" if "serving_default" in signatures else "serve"
        if name not in signatures:
            raise InputError("there is no serving signature")
        self._signature = signatures[name]
        inputs = self._signature.structured_input_signature[1]
        if len(inputs) != 1 or len(self._signature.structured_outputs) != 1:
            raise InputError("the serving signature must have one input and one output")
        [(self._input_name, self._input)] = inputs.items()
        self.takes_pixels = self._input.dtype.is_integer
        self.pixel_contract = pixel_contract or _contract_of_size(self._input.shape)
        self.mirrors_itself, self.mirror = mirror is not None, mirror
        self.embedding_dim = _probe(self)

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        return _in_parts(self._forward, aligned_faces)

    def _forward(self, crops):
        import tensorflow as tf

        if not self.takes_pixels:
            crops = self.pixel_contract.normalize(crops.astype(np.float32))
        images = tf.constant(crops, self._input.dtype)
        [embeddings] = self._signature(**{self._input_name: images}).values()
        return embeddings.numpy().astype(np.float32)


def _compiled(model, contract):
    """Float32 images to embeddings, in one graph for batches of every size.

    Variables stay variables in it, so that weights may change. Backends other than
    TensorFlow run the model as it is.
    """
    import keras

    def forward(images):
        return keras.ops.cast(model(images, training=False), "float32")

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        shape = (None, contract.height, contract.width, 3)
        forward = tf.function(
            forward, [tf.TensorSpec(shape, tf.float32)], autograph=False
        )
    return lambda images: keras.ops.convert_to_numpy(forward(images))


def _in_parts(forward, crops):
    """Embeddings of crops, a few at a time where TensorFlow has no GPU."""
    import keras

    step = count = max(len(crops), 1)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = count if tf.config.list_physical_devices("GPU") else _CROPS_ON_CPU
    parts = [crops[start : start + step] for start in range(0, count, step)]
    return np.concatenate([forward(part) for part in parts])


def _contract_of_size(shape):
    """The default contract in the size of a signature, where that says one."""
    shape = (None,) * 4 if shape.rank is None else tuple(shape)
    if len(shape) != 4 or shape[3] not in (None, 3):
        raise InputError(
            f"the serving signature must take (batch, height, width, 3), not {shape}"
        )
    return PixelContract(*shape[1:3]) if all(shape[1:3]) else PixelContract()


def _probe(embedder):
    """Length of the embedding, found by embedding one black crop."""
    contract = embedder.pixel_contract
    crop = np.zeros((1, contract.height, contract.width, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # structure hints of Keras
        shape = np.shape(embedder.embed(crop))
    if len(shape) != 2 or shape[0] != 1:
        raise InputError(
            "the model must give one embedding, (1, embedding_dim), for one crop. "
            f"Received: {shape}"
        )
    return shape[1]
