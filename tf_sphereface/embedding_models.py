"""Embedding models: read from Keras' files, without a head, in float32."""

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras.src.models.functional import Functional

# Imported for their registration: without it no saved model can be read.
import tf_sphereface.backbones  # noqa: F401
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.geometry import CROP_HEIGHT, CROP_WIDTH, LARGEST_CROP
from tf_sphereface.heads import MarginHead
from tf_sphereface.model_files import model_file
from tf_sphereface.precision import dtype_policy
from tf_sphereface.preprocessing import (
    PixelContract,
    Values,
    black_and_white,
    chosen_pixels,
)
from tf_sphereface.rescaling_layers import rescaling_layer
from tf_sphereface.similarity import note_on_probabilities, unit_rows

_LOG = logging.getLogger(__name__)
# Only these compute what their operations say, and no more.
_PLAIN_MODELS = (Functional, keras.Sequential)
# Of a backbone with the model that it was taken from; networks trained in 16 bits are
# rounded at each layer.
_LEAST_COSINE, _LEAST_COSINE_OF_HALVES = 0.9999, 0.9
# What Keras says of `.keras` and of `.h5` files.
_MISSING = re.compile(r"(?:Could not locate|Unknown) (\w+):? '([^']*)'")
_OTHER_PRECISIONS = (
    "mixed_bfloat16",
    "mixed_float16",
    "bfloat16",
    "float16",
    "float64",
)


def load_backbone(path: Path) -> keras.Model:
    """Reads a model, drops its margin head and gives the backbone in float32.

    The result is compared with the model as it was read, on two random images.

    Args:
        path: `.keras` file of a FaceClassifier, of a functional model that has a margin
            head as a layer, or of a backbone alone; or a run folder.

    Raises: InputError if the file is missing or damaged, holds something else, or if
        the backbone does not give the embeddings of the model.
    """
    path = model_file(path)
    model = load_embedding_model(path)
    backbone = without_head(model)
    _check_shapes(backbone, path)
    backbone = as_float32(backbone)
    if backbone is not model:
        _check_same(_before_head(model), backbone, path)
    return backbone


def without_head(model: keras.Model) -> keras.Model:
    """The part of a model before its margin head; a model without one is unchanged.

    Args:
        model: A functional model with a `MarginHead` among its layers, with or without
            an input for the labels, or any other model.

    Returns: The network from images to embeddings. If the model has it as one layer and
        computes nothing else, that layer, with its own pixel contract.
    Raises: InputError if there are several heads, or the embeddings do not depend on
        one input alone.
    """
    return _innermost(_before_head(model))


def _before_head(model):
    heads = [layer for layer in model.layers if isinstance(layer, MarginHead)]
    if not heads:
        return model
    if len(heads) > 1:
        names = ", ".join(head.name for head in heads)
        raise InputError(f"the model has several margin heads: {names}")
    embeddings = keras.tree.flatten(heads[0].input)[0]
    for images in model.inputs:
        try:
            return keras.Model(images, embeddings, name=model.name)
        except ValueError:  # this is the input of the labels
            continue
    raise InputError("the embeddings must depend on the images alone")


def _innermost(model):
    """A functional model that does nothing but call another one is that other one.

    Operators such as `inputs * 0.5` are operations too, but not layers. A subclass may
    do anything in its `call`.
    """
    if type(model) not in _PLAIN_MODELS:
        return model
    inner = [
        operation
        for operation in getattr(model, "operations", model.layers)
        if not isinstance(operation, keras.layers.InputLayer)
    ]
    if (
        len(inner) == 1
        and isinstance(inner[0], keras.Model)
        and len(keras.tree.flatten(getattr(inner[0], "outputs", ()))) == 1
    ):
        return inner[0]
    return model


def _check_same(model, backbone, path):
    """Refuses a backbone that is not the model as it was read."""
    height, width = backbone.input_shape[1:3]
    noise = np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3))
    noise[1] = 127.5 + 127.5 * noise[1]  # for networks that take pixels of 0..255
    images = noise.astype(np.float32)
    expected, given = (
        keras.ops.convert_to_numpy(
            keras.ops.cast(network(images, training=False), "float32")
        )
        for network in (model, backbone)
    )
    if given.shape != expected.shape:
        raise InputError(
            f"not a network from faces to embeddings: {path} gives {expected.shape}, "
            f"and without its head {given.shape}"
        )
    cosines = (unit_rows(expected) * unit_rows(given)).sum(axis=1)
    least = _LEAST_COSINE if _is_float32(model) else _LEAST_COSINE_OF_HALVES
    if not (cosines >= least).all():
        raise InputError(
            f"the embeddings of {path} cannot be separated from its head: the cosine "
            f"to the model's own is {cosines.min():.4f}; save the network from images "
            "to embeddings as a model of its own"
        )


def as_float32(backbone: keras.Model) -> keras.Model:
    """The same network and weights, computing in float32.

    A network trained in mixed_bfloat16 would otherwise carry its casts into the
    exported file. A network that is float32 throughout is returned unchanged.

    Raises: InputError if a layer insists on another precision.
    """
    if _is_float32(backbone):
        return backbone
    config = _with_float32_policies(keras.saving.serialize_keras_object(backbone))
    with dtype_policy("float32"):  # for what the config leaves open
        rebuilt = keras.saving.deserialize_keras_object(config)
    rebuilt.set_weights(backbone.get_weights())
    if not _is_float32(rebuilt):
        raise InputError(f"the network {backbone.name} cannot be rebuilt in float32")
    return rebuilt


def pixel_contract_of(
    backbone: keras.Model,
    given: Mapping[str, str | Values] | None = None,
    name: str = "",
) -> PixelContract:
    """The network's own pixel contract, or as `network_pixels` finds it, with a note.

    Args:
        backbone: Of images (batch, height, width, 3).
        given: As for `network_pixels`.
        name: Of the model in the note, such as its path.

    Raises: InputError if no face can be aligned to its size, or a value is bad.
    """
    name = name or backbone.name
    contract, note = network_pixels(backbone, given or {}, name)
    try:
        _ = contract.crop
    except ValueError as error:
        raise InputError(f"no aligned faces fit the network: {error}") from error
    crops = black_and_white(contract.height, contract.width).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # structure hints of Keras
        outputs = backbone(contract.normalize(crops), training=False)
    outputs = keras.ops.convert_to_numpy(outputs)
    for sentence in filter(None, (note, note_on_probabilities(outputs, name))):
        _LOG.warning(sentence)
    return contract


def network_pixels(
    network: keras.Model, given: Mapping[str, str | Values], name: str
) -> tuple[PixelContract, str | None]:
    """The pixel contract of a network, and a sentence on what of it was assumed.

    A network that has none gets the default one, or pixels 0..255 if its first layers
    rescale them.

    Args:
        network: Of images (batch, height, width, 3).
        given: Channel order, mean and scale that the user says, by their names.
        name: Of the model in the sentence.

    Raises: InputError if a value is out of range.
    """
    own, shape = getattr(network, "pixel_contract", None), None
    if own is None:
        shape = getattr(network, "input_shape", None)
    sized = isinstance(shape, tuple) and len(shape) == 4 and all(shape[1:3])
    size = shape[1:3] if sized else (CROP_HEIGHT, CROP_WIDTH)
    rescaled_by = rescaling_layer(network) if own is None else None
    try:
        return chosen_pixels(name, own, size, given, rescaled_by)
    except ValueError as error:
        raise InputError(str(error)) from error


def _is_float32(model):
    # The model's own policy is not asked alone: its layers may have another.
    return all(layer.compute_dtype == "float32" for layer in (model, *_layers(model)))


def _layers(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _with_float32_policies(config):
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            name = config["config"]["name"]
            if name in _OTHER_PRECISIONS:
                return {**config, "config": {**config["config"], "name": "float32"}}
            return config
        return {
            key: "float32"
            if key == "dtype" and value in _OTHER_PRECISIONS
            else _with_float32_policies(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_with_float32_policies(part) for part in config)
    return config


def _check_shapes(backbone, path):
    inputs = getattr(backbone, "input_shape", None)
    outputs = getattr(backbone, "output_shape", None)
    if (
        not isinstance(inputs, tuple)
        or len(inputs) != 4
        or None in inputs[1:3]
        or inputs[3] != 3
        or not isinstance(outputs, tuple)
        or len(outputs) != 2
    ):
        if inputs is None:
            raise InputError(
                f"{path} holds a {type(backbone).__name__}, which does not tell its "
                "shapes: save keras.Model(images, model(images)), where images = "
                "keras.Input((height, width, 3))"
            )
        raise InputError(
            "an embedding model must take (batch, height, width, 3) and give (batch, "
            f"embedding_dim): {path} takes {inputs} and gives {outputs}"
        )
    if max(inputs[1:3]) > LARGEST_CROP:
        raise InputError(
            f"an embedding model must take at most {LARGEST_CROP} x {LARGEST_CROP} "
            f"pixels: {path} takes {inputs[1]} x {inputs[2]}"
        )


def load_embedding_model(path: Path) -> keras.Model:
    """The backbone of a `.keras` or whole-model `.h5` file; a head is dropped.

    No code of the file is run, and HDF5's library reads it in another process first.

    Raises: InputError if the file is missing or damaged, holds something else, or asks
        for code.
    """
    if not path.is_file():
        raise InputError(f"no such model: {path}")
    check_keras_file(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign config makes Keras raise anything
        raise InputError(
            f"not a usable Keras model: {path} ({reason_of(error)})"
        ) from error
    return model.backbone if isinstance(model, FaceClassifier) else model


def reason_of(error: BaseException) -> str:
    """One line on why Keras could not read a file, at most 300 characters.

    Keras wraps the error of a part in one for each model around it.
    """
    _, _, innermost = str(error).rpartition("Exception encountered: ")
    if missing := _MISSING.search(innermost):
        kind = "function" if missing[1] == "function" else "class"
        return (
            f"could not find {kind} '{missing[2]}': import what registers it, and call "
            "our Python functions; commands know Keras' classes and ours alone"
        )
    return (innermost.splitlines() or [type(error).__name__])[0][:300]
