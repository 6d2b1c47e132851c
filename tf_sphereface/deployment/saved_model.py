"""SavedModel: written from Keras, and read again for parity and evaluation."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

INPUT_NAME, OUTPUT_NAME = "aligned_face", "embedding"
_BATCH = 16


def write_saved_model(
    backbone: keras.Model, directory: Path, batch: int | None = None
) -> None:
    """Writes the signature `serving_default`: normalised faces to embeddings.

    Args:
        backbone: Built float32 network.
        directory: Folder of the SavedModel.
        batch: Fixed number of faces of a call; None is any number.
    """
    signature = tf.TensorSpec(
        (batch, *backbone.input_shape[1:]), tf.float32, name=INPUT_NAME
    )

    @tf.function(input_signature=[signature])
    def embed(aligned_face):
        embeddings = backbone(aligned_face, training=False)
        return {OUTPUT_NAME: tf.cast(embeddings, tf.float32)}

    # Keras' own export writes every variable twice.
    module = tf.Module()
    module.weights = [variable.value for variable in backbone.variables]
    tf.saved_model.save(module, str(directory), signatures={"serving_default": embed})


def embed_faces(
    serve, pixel_contract: PixelContract, aligned_faces: np.ndarray
) -> np.ndarray:
    """Embeds uint8 RGB (faces, height, width, 3) to float32 (faces, embedding_dim).

    Args:
        serve: What `serving_function` gave.
        pixel_contract: Normalises the faces.
        aligned_faces: At least one face.
    """
    parts = []
    for start in range(0, len(aligned_faces), _BATCH):
        faces = aligned_faces[start : start + _BATCH].astype(np.float32)
        inputs = tf.constant(pixel_contract.normalize(faces))
        parts.append(serve(**{INPUT_NAME: inputs})[OUTPUT_NAME].numpy())
    return np.concatenate(parts)


def serving_function(directory: Path):
    """The signature `serving_default` of a SavedModel folder.

    Raises: InputError if the folder is no SavedModel with our signature.
    """
    try:
        loaded = tf.saved_model.load(str(directory))
        serve = loaded.signatures["serving_default"]
        names = set(serve.structured_input_signature[1])
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"not a SavedModel: {directory} ({reason})") from error
    if names != {INPUT_NAME} or set(serve.structured_outputs) != {OUTPUT_NAME}:
        raise InputError(
            f"not an embedding SavedModel: {directory} must take `{INPUT_NAME}` and "
            f"give `{OUTPUT_NAME}`"
        )
    # Without the reference the variables of the signature would be collected.
    serve.loaded_model = loaded
    return serve
