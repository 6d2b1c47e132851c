"""SavedModel for servers: crops, or their JPEG files, to embeddings of length 1."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.bundle.records import INPUT_NAME, OUTPUT_NAME, FeatureRecord
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.graph import embedding_graph
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

ENCODED_NAME = "encoded_image"
SIGNATURES = {"serving_default": INPUT_NAME, "encoded": ENCODED_NAME}
_BATCH = 16

TensorFunction = Callable[[tf.Tensor], tf.Tensor]


def write_graph(
    directory: Path,
    signatures: dict[str, tuple[TensorFunction, tf.TensorSpec]],
    weights: Sequence[keras.Variable],
) -> None:
    """Writes a SavedModel of functions of one tensor that give embeddings.

    Args:
        directory: Folder of the SavedModel.
        signatures: By name, the function and what it takes; the spec's name is that of
            the input. The output is called `embedding`.
        weights: All variables that the functions read.

    Raises: OSError if it cannot be written.
    """
    # Keras' own export writes every variable twice.
    module = tf.Module()
    module.weights = [variable.value for variable in weights]
    functions = {
        name: _with_named_output(function, spec)
        for name, (function, spec) in signatures.items()
    }
    try:
        tf.saved_model.save(module, str(directory), signatures=functions)
    except tf.errors.OpError as error:  # such as a full disk
        message = " ".join(error.message.split())
        raise OSError(f"cannot write the SavedModel: {message}") from error


def write_serving_model(
    backbone: keras.Model,
    pixel_contract: PixelContract,
    feature: FeatureRecord,
    directory: Path,
) -> None:
    """Writes the two signatures of a server.

    `serving_default` takes uint8 RGB crops `aligned_face` (batch, height, width, 3),
    `encoded` strings `encoded_image` (batch,), each the bytes of a JPEG or PNG file of
    such a crop. Both give float32 `embedding` (batch, feature_dim) of length 1. A file
    of another size is an error of the call, since resizing would not align the face.
    A call must have one face at least: TensorFlow's convolutions fail on none.

    Args:
        backbone: Built float32 network; its batch norm is folded.
        pixel_contract: Normalises the crops.
        feature: With all steps inside.
        directory: Folder of the SavedModel.
    """
    folded = fold_batch_norm(backbone)
    embed = embedding_graph(folded, pixel_contract, feature)
    decode = crop_decoder(pixel_contract)
    shape = (None, pixel_contract.height, pixel_contract.width, 3)
    signatures = {
        "serving_default": (embed, tf.TensorSpec(shape, tf.uint8, INPUT_NAME)),
        "encoded": (
            lambda encoded: embed(decode(encoded)),
            tf.TensorSpec((None,), tf.string, ENCODED_NAME),
        ),
    }
    write_graph(directory, signatures, folded.variables)


def crop_decoder(pixel_contract: PixelContract) -> TensorFunction:
    """The function from strings (batch,) to uint8 RGB crops (batch, height, width, 3).

    JPEG is decoded by the accurate integer transform, as Pillow does it: the same
    pixels. The function raises InvalidArgumentError if a string is no image, or not of
    the crop's size.
    """
    shape = (pixel_contract.height, pixel_contract.width, 3)

    def decode(encoded):
        # TensorFlow's default transform is faster, and up to 15 grey levels away.
        crop = tf.io.decode_jpeg(
            encoded, channels=3, dct_method="INTEGER_ACCURATE", name=ENCODED_NAME
        )
        return tf.ensure_shape(crop, shape)  # tells both shapes in its error

    crops = tf.TensorSpec(shape, tf.uint8)
    return lambda encoded: tf.map_fn(decode, encoded, fn_output_signature=crops)


def embed_crops(serve, inputs: np.ndarray) -> np.ndarray:
    """Embeds in batches to float32 (faces, feature_dim).

    Args:
        serve: What `serving_function` gave.
        inputs: What the signature takes, at least one.
    """
    ((name, spec),) = serve.structured_input_signature[1].items()
    parts = []
    for start in range(0, len(inputs), _BATCH):
        batch = tf.constant(inputs[start : start + _BATCH], spec.dtype)
        parts.append(serve(**{name: batch})[OUTPUT_NAME].numpy())
    return np.concatenate(parts)


def serving_function(directory: Path, signature: str = "serving_default"):
    """A signature of a SavedModel folder that `write_serving_model` wrote.

    Raises: InputError if the folder is no SavedModel with our signature.
    """
    try:
        loaded = tf.saved_model.load(str(directory))
        serve = loaded.signatures[signature]
        names = set(serve.structured_input_signature[1])
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"not a SavedModel: {directory} ({reason})") from error
    expected = SIGNATURES[signature]
    if names != {expected} or set(serve.structured_outputs) != {OUTPUT_NAME}:
        raise InputError(
            f"not an embedding SavedModel: {directory} must take `{expected}` and "
            f"give `{OUTPUT_NAME}`"
        )
    # Without the reference the variables of the signature would be collected.
    serve.loaded_model = loaded
    return serve


def _with_named_output(function, spec):
    @tf.function(input_signature=[spec])
    def embed(inputs):
        return {OUTPUT_NAME: function(inputs)}

    return embed
