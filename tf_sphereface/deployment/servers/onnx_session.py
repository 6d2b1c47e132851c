"""ONNX files in onnxruntime (extra `onnx`), without TensorFlow."""

import importlib.util
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
_BATCH = 16


def check_extra() -> None:
    """Raises InputError, in one line, unless the extra `onnx` is installed."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"ONNX needs {', '.join(missing)}: pip install 'tf-sphereface[onnx]'"
        )


def check_output(out: Path, overwrite: bool) -> None:
    """Raises InputError if `out` is no file name to write to, or there already."""
    if out.suffix != ".onnx":
        raise InputError(f"the file must be called *.onnx. Received: {out}")
    if out.is_dir():
        raise InputError(f"a folder is in the place of the file: {out}")
    if out.exists() and not overwrite:
        raise InputError(f"output exists: {out}; replace it with --overwrite")


def open_session(model: Path | bytes, threads: int | None = None):
    """An onnxruntime session on the CPU.

    Args:
        model: The file or its content.
        threads: Of one call; None leaves it to onnxruntime.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    content = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )


def embed_crops(session, pixel_contract: PixelContract, crops: np.ndarray):
    """Embeds in batches to float32 (crops, feature_dim).

    Args:
        session: What `open_session` gave.
        pixel_contract: Normalises the crops if the file takes float32.
        crops: uint8 (crops, height, width, 3), RGB, at least one.
    """
    (taken,) = session.get_inputs()
    parts = []
    for start in range(0, len(crops), _BATCH):
        faces = crops[start : start + _BATCH]
        if taken.type == "tensor(float)":
            faces = pixel_contract.normalize(faces.astype(np.float32))
        parts += session.run(None, {taken.name: faces})
    return np.concatenate(parts)
