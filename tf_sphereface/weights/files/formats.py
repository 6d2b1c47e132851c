"""Formats of weight files, told by their endings and first bytes."""

import zipfile
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.checkpoint_index import find_index
from tf_sphereface.weights.files.tensors import WeightFile

ENDINGS = {
    ".caffemodel": "caffe",
    ".pth": "pytorch",
    ".pt": "pytorch",
    ".ckpt": "pytorch",
    ".bin": "pytorch",
    ".safetensors": "safetensors",
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pb": "tensorflow graph",
    ".onnx": "onnx",
    ".tflite": "tflite",
}
GRAPHS = ("onnx", "tflite")  # whole networks, not tensors by name
_HDF5 = b"\x89HDF\r\n\x1a\n"


def check_new_model(out: Path) -> None:
    """Raises: InputError if no new `.keras` file can be written at this path."""
    if out.suffix != ".keras":
        raise InputError(f"--out must end in .keras. Received: {out}")
    if out.exists():
        raise InputError(f"--out must be new: {out}")
    if not out.parent.is_dir():
        raise InputError(f"no such folder: {out.parent}")


def kind_of(path: Path) -> str:
    """ "caffe", "pytorch", "safetensors", "keras", "keras weights", "tensorflow graph",
    "tensorflow checkpoint", "onnx" or "tflite".

    Raises: InputError if there is no such file or no reader for it.
    """
    if find_index(path) is not None:
        return "tensorflow checkpoint"
    if not path.is_file():
        raise InputError(f"no such file of weights: {path}")
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"weights must end in one of {', '.join(ENDINGS)}, or be TensorFlow's "
            f"checkpoint. Received: {path}"
        )
    with open(path, "rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5
    if kind != "keras":
        return kind
    if path.suffix == ".keras":
        if not zipfile.is_zipfile(path):
            raise InputError(f"not a .keras model, or damaged: {path}")
        return "keras"
    if not is_hdf5:
        raise InputError(f"not a HDF5 file, or damaged: {path}")
    from tf_sphereface.foreign.keras_files import holds_whole_model

    return "keras" if holds_whole_model(path) else "keras weights"


def read_weight_file(path: Path, kind: str) -> WeightFile:
    """The tensors of a file of `kind_of`'s kinds but "keras weights" and `GRAPHS`.

    Raises: InputError if the file is damaged or would have to run something.
    """
    if kind == "caffe":
        from tf_sphereface.weights.files.caffe_file import read_caffe_model as read
    elif kind == "pytorch":
        from tf_sphereface.weights.files.state_dict import read_state_dict as read
    elif kind == "safetensors":
        from tf_sphereface.weights.files.safetensors_file import (
            read_safetensors as read,
        )
    elif kind == "tensorflow graph":
        from tf_sphereface.weights.files.tensorflow_graph import (
            read_frozen_graph as read,
        )
    elif kind == "tensorflow checkpoint":
        from tf_sphereface.weights.files.tensorflow_checkpoint import (
            read_checkpoint as read,
        )
    else:
        from tf_sphereface.weights.files.keras_file import read_keras_model as read
    return read(path)
