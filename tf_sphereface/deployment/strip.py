"""From a trained `.keras` file to the float32 network that is exported."""

from pathlib import Path

import keras

from tf_sphereface.errors import InputError
from tf_sphereface.model_files import load_embedding_model
from tf_sphereface.precision import dtype_policy
from tf_sphereface.preprocessing import PixelContract

_LOW_PRECISION = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


def load_backbone(path: Path) -> keras.Model:
    """Reads a model, drops its margin head and gives the backbone in float32.

    Args:
        path: `.keras` file of a FaceClassifier or of a backbone alone.

    Raises: InputError if the file is missing or damaged, or holds something else.
    """
    if path.suffix != ".keras":
        raise InputError(f"not a .keras model: {path}")
    backbone = load_embedding_model(path)
    _check_shapes(backbone, path)
    return as_float32(backbone)


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


def pixel_contract_of(backbone: keras.Model) -> PixelContract:
    """The network's own pixel contract, or RGB with the default mean and scale.

    Raises: InputError if no face can be aligned to its size.
    """
    contract = getattr(backbone, "pixel_contract", None)
    if contract is None:
        _, height, width, _ = backbone.input_shape
        contract = PixelContract(height, width)
    try:
        _ = contract.crop
    except ValueError as error:
        raise InputError(f"no aligned faces fit the network: {error}") from error
    return contract


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
            if name in _LOW_PRECISION:
                return {**config, "config": {**config["config"], "name": "float32"}}
            return config
        return {
            key: "float32"
            if key == "dtype" and value in _LOW_PRECISION
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
        raise InputError(
            "an embedding model must take (batch, height, width, 3) and give (batch, "
            f"embedding_dim): {path} takes {inputs} and gives {outputs}"
        )
