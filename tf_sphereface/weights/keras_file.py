"""Weights in Keras' own files, read by Keras in its safe mode."""

import io
import json
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

# Imported for their registration: without it no saved model can be read.
import tf_sphereface.backbones
import tf_sphereface.heads  # noqa: F401
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.weights.targets import targets_of
from tf_sphereface.weights.tensors import SourceTensor, WeightFile

_ERRORS = (ValueError, TypeError, LookupError, OSError, AttributeError, RuntimeError)
_WEIGHTS = "model.weights.h5"
_LARGEST_CONFIG = 16 << 20  # bytes


def load_embedding_model(path: Path) -> keras.Model:
    """The backbone of a `.keras` or whole-model `.h5` file; a head is dropped.

    Raises: InputError if the file is damaged, holds something else, or asks for code.
    """
    _check_file(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (*_ERRORS, zipfile.BadZipFile) as error:
        raise InputError(
            f"not a usable Keras model: {path} ({_line(error)})"
        ) from error
    return model.backbone if isinstance(model, FaceClassifier) else model


def read_keras_model(path: Path) -> WeightFile:
    """The weights of a saved model, named LAYER/WEIGHT.

    Raises: InputError as `load_embedding_model`, or if a layer is of a kind that our
        backbones do not have.
    """
    model = load_embedding_model(path)
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
    """What a backbone of ours says of its pixels and of where its weights come from."""
    contract = getattr(model, "pixel_contract", None)
    provenance = getattr(model, "provenance", None)
    metadata = {"provenance": json.dumps(dict(provenance))} if provenance else {}
    if contract is None:
        return metadata
    return {
        **metadata,
        "channel_order": contract.channel_order,
        "pixel_mean": str(contract.mean),
        "pixel_scale": str(contract.scale),
    }


def holds_whole_model(path: Path) -> bool:
    """Whether a `.h5` file has a model's config, not weights alone."""
    try:
        with h5py.File(path, "r") as file:
            return "model_config" in file.attrs
    except OSError as error:
        raise InputError(f"not a HDF5 file, or damaged: {path}") from error


def load_weights_into(backbone: keras.Model, path: Path) -> None:
    """Fills a backbone from a `.weights.h5` file of the same architecture.

    Raises: InputError if the file is damaged or of another architecture.
    """
    _check_file(path)
    for variable in backbone.weights:  # what stays so has got nothing
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of parts that are skipped
            backbone.load_weights(path)
    except _ERRORS as error:
        raise InputError(
            f"{path} does not fit the network {backbone.name} ({_line(error)})"
        ) from error
    for target in targets_of(backbone):
        if not np.isfinite(keras.ops.convert_to_numpy(target.variable)).all():
            raise InputError(
                f"{path} does not fit the network {backbone.name}: {target.label} "
                "gets nothing, or numbers that are not finite"
            )


def _line(error):
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _check_file(path):
    """Refuses what would take more memory than the file, or read other files."""
    if path.suffix != ".keras":
        _check_hdf5(path, path, path.stat().st_size)
        return
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.file_size > max(size, _LARGEST_CONFIG) or (
                    entry.compress_type != zipfile.ZIP_STORED
                    and entry.file_size > _LARGEST_CONFIG
                ):
                    raise InputError(f"{path}: {entry.filename:.80} is too large")
            if _WEIGHTS in archive.namelist():
                weights = io.BytesIO(archive.read(_WEIGHTS))
                _check_hdf5(weights, path, len(weights.getbuffer()))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"not a .keras model, or damaged: {path}") from error


def _check_hdf5(file, path, size):
    total = 0

    def visit(_, item):
        nonlocal total
        if not isinstance(item, h5py.Dataset):
            return
        if item.external or item.is_virtual or item.compression:
            raise InputError(f"{path} must hold its numbers itself, not compressed")
        total += item.nbytes
        if total > size:
            raise InputError(f"{path} is smaller than the numbers that it declares")

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not a HDF5 file, or damaged: {path}") from error
