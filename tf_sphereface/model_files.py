"""Embedding models in Keras' own files, read in Keras' safe mode."""

import io
import zipfile
from pathlib import Path

import h5py
import keras

# Imported for their registration: without it no saved model can be read.
import tf_sphereface.backbones
import tf_sphereface.heads  # noqa: F401
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier

# What Keras and h5py raise on files that are damaged or of something else.
KERAS_FILE_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    OSError,
    AttributeError,
    RuntimeError,
)
_WEIGHTS = "model.weights.h5"
_LARGEST_CONFIG = 16 << 20  # bytes


def load_embedding_model(path: Path) -> keras.Model:
    """The backbone of a `.keras` or whole-model `.h5` file; a head is dropped.

    Raises: InputError if the file is missing or damaged, holds something else, or asks
        for code.
    """
    if not path.is_file():
        raise InputError(f"no such model: {path}")
    check_keras_file(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (*KERAS_FILE_ERRORS, zipfile.BadZipFile) as error:
        raise InputError(
            f"not a usable Keras model: {path} ({first_line(error)})"
        ) from error
    return model.backbone if isinstance(model, FaceClassifier) else model


def first_line(error: BaseException) -> str:
    """What an error says, without its later lines and at most 300 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def check_keras_file(path: Path) -> None:
    """Refuses what would take more memory than the file, or read other files.

    Raises: InputError.
    """
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
