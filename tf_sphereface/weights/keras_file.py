"""Weights in Keras' own files, read by Keras in its safe mode."""

import json
import math
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras.src.backend.common import global_state

# Imported for their registration: without it no saved model can be read.
import tf_sphereface.backbones
import tf_sphereface.heads  # noqa: F401
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.weights import hdf5_check
from tf_sphereface.weights.targets import targets_of
from tf_sphereface.weights.tensors import SourceTensor, WeightFile

_ERRORS = (ValueError, TypeError, LookupError, OSError, AttributeError, RuntimeError)
_LARGEST_CONFIG = 16 << 20  # bytes
_LONGEST_CHECK = 600  # seconds, on a clock: of a check that is killed much sooner


def load_embedding_model(path: Path) -> keras.Model:
    """The backbone of a `.keras` or whole-model `.h5` file; a head is dropped.

    Raises: InputError if the file is damaged, holds something else, or asks for code.
    """
    _check_file(path)
    try:
        _check_sizes(path)
        model = _load(path)
    except InputError:
        raise
    except Exception as error:  # a foreign config makes Keras raise anything
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
    """Whether a `.h5` file has a model's config, not weights alone.

    Raises: InputError if it is damaged, or would take more memory than its size.
    """
    return _read_apart(path) == "model"


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
    except Exception as error:  # a foreign file makes Keras raise anything
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


def _load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of parts that are skipped
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _check_sizes(path):
    """Refuses a config that asks for more weights than the file can hold.

    In a stateless scope Keras makes variables of a shape and without a value.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            size = sum(math.prod(v.shape) for v in _load(path).variables)
    finally:
        # Keras keeps a list of variables to be given values at the end of the next
        # scope, whoever opens it; there is no public way to empty it.
        global_state.set_global_attribute("uninitialized_variables", [])
    if size > path.stat().st_size:  # a number takes 2 bytes or more
        raise InputError(f"{path} is smaller than the weights that its model has")


def _check_file(path):
    """Refuses what would take more memory than the file, or read other files."""
    if path.suffix == ".keras":
        _check_archive(path)
    _read_apart(path)


def _check_archive(path):
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.file_size > max(size, _LARGEST_CONFIG) or (
                    entry.compress_type != zipfile.ZIP_STORED
                    and entry.file_size > _LARGEST_CONFIG
                ):
                    raise InputError(f"{path}: {entry.filename:.80} is too large")
    except InputError:
        raise
    except (zipfile.BadZipFile, *_ERRORS, EOFError) as error:
        raise InputError(f"not a .keras model, or damaged: {path}") from error


def _read_apart(path):
    """ "model" or "weights", after another process has read the whole file."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", hdf5_check.__file__, path],
            capture_output=True,
            timeout=_LONGEST_CHECK,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"not a HDF5 file, or damaged: {path}") from error
    verdict = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode:
        raise InputError(f"{path} {verdict or 'is damaged, or no file of HDF5'}")
    return verdict
