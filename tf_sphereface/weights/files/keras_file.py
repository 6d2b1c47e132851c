"""Weights in Keras' own files, read by Keras in its safe mode."""

import json
import warnings
from pathlib import Path

import keras
import numpy as np

from tf_sphereface.embedding_models import reason_of
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.weights.files.foreign_keras import load_foreign_model
from tf_sphereface.weights.files.tensors import SourceTensor, WeightFile
from tf_sphereface.weights.targets import targets_of


def read_keras_model(path: Path) -> WeightFile:
    """The weights of a saved model, named LAYER/WEIGHT.

    Raises: InputError as `load_foreign_model`, or if a layer is of a kind that our
        backbones do not have.
    """
    model = load_foreign_model(path)
    try:
        targets = targets_of(model)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    tensors = {
        target.label: SourceTensor(
            tuple(target.variable.shape),
            str(target.variable.dtype),
            lambda variable=target.variable: np.asarray(
                keras.ops.convert_to_numpy(variable)
            ),
        )
        for target in targets
    }
    return WeightFile(path, "keras", tensors, "keras", metadata_of(model))


def metadata_of(model: keras.Model) -> dict[str, str]:
    """Properties of a backbone of ours that no shape tells, as texts by name.

    That is its pixel contract, crops, padding and provenance.
    """
    contract = getattr(model, "pixel_contract", None)
    provenance = getattr(model, "provenance", None)
    metadata = {"provenance": json.dumps(dict(provenance))} if provenance else {}
    if crop := getattr(model, "crop", None):
        metadata["crop"] = json.dumps(crop.kind)
    if contract is None:
        return metadata
    if model.get_config().get("tensorflow_padding"):
        metadata["padding"] = "tensorflow"
    return {
        **metadata,
        "height": str(contract.height),
        "width": str(contract.width),
        "channel_order": contract.channel_order,
        "pixel_mean": json.dumps(contract.mean),
        "pixel_scale": json.dumps(contract.scale),
    }


def load_weights_into(backbone: keras.Model, path: Path) -> None:
    """Fills a backbone from a `.weights.h5` file of the same architecture.

    Raises: InputError if the file is damaged or of another architecture.
    """
    check_keras_file(path)
    for variable in backbone.weights:  # what stays so has got nothing
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of parts that are skipped
            backbone.load_weights(path)
    except Exception as error:  # a foreign file makes Keras raise anything
        raise InputError(
            f"{path} does not fit the network {backbone.name} ({reason_of(error)})"
        ) from error
    for target in targets_of(backbone):
        if not np.isfinite(keras.ops.convert_to_numpy(target.variable)).all():
            raise InputError(
                f"{path} does not fit the network {backbone.name}: {target.label} "
                "gets nothing, or numbers that are not finite"
            )
