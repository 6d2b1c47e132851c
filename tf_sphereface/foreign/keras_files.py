"""Keras' files, read in another process before Keras opens them."""

import zipfile
from pathlib import Path

from safetensors import safe_open

from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of
from tf_sphereface.foreign.sandbox import Limits, read_apart
from tf_sphereface.foreign.tried_files import try_once

_LARGEST_CONFIG = 16 << 20  # bytes
_CPU_SECONDS = 5  # for each GB; HDF5's library reads that in less than one
_MEMORY = 1 << 30  # bytes, besides twice those of the file
# Of a directory of an archive that makes no sense.
_ZIP_ERRORS = (ValueError, LookupError, OSError, RuntimeError, EOFError)


def check_keras_file(path: Path) -> None:
    """Refuses what would take more memory than the file, or read other files.

    Raises: InputError.
    """
    if path.suffix == ".keras":
        _check_archive(path)
    try_once("h5py", sha256_of(path), lambda: _read_apart(path))


def holds_whole_model(path: Path) -> bool:
    """True if a `.h5` file has a model's config, not weights alone.

    Raises: InputError if it is damaged, or would take more memory than its size.
    """
    return _read_apart(path) == "model"


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
    except (zipfile.BadZipFile, *_ZIP_ERRORS) as error:
        raise InputError(f"not a .keras model, or damaged: {path}") from error


def _read_apart(path):
    """ "model" or "weights", after another process has read the whole file."""
    size = path.stat().st_size
    limits = Limits(
        memory=_MEMORY + 2 * size,
        processor_seconds=_CPU_SECONDS * (1 + size // (1 << 30)),
    )
    with (
        read_apart(
            "tf_sphereface.foreign.hdf5_check:check_hdf5", path, limits
        ) as result,
        safe_open(result, "np") as file,
    ):
        return file.metadata()["kind"]
