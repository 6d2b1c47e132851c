"""ONNX files in onnxruntime (extra `onnx`), without TensorFlow."""

import hashlib
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.sandbox import Limits, ReaderError, read_apart
from tf_sphereface.foreign.tried_files import try_once
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.runtimes import onnx_runtime

_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
_BATCH = 16
_MEMORY, _SECONDS = 3 << 29, 20  # as for TFLite files


def check_extra() -> None:
    """Raises InputError, in one line, unless the extra `onnx` is installed."""
    onnx_runtime.require_packages(*_PACKAGES)


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
        model: A file, which another process runs first, or the content of one's own.
        threads: Of one call; None leaves it to onnxruntime.

    Raises: InputError if onnxruntime cannot run the file, or ends its process.
    """
    if isinstance(model, bytes):
        return onnx_runtime.open_session(model, threads)
    content = model.read_bytes()
    _require_runnable(content, model)
    return onnx_runtime.open_session(content, threads)


def run_onnx(path: Path) -> tuple[dict, dict[str, str]]:
    """Runs an ONNX file on zeros and on noise, for the sandbox.

    Returns: No tensors and no metadata.
    Raises: InputError if onnxruntime refuses it.
    """
    try:
        session = onnx_runtime.open_session(path.read_bytes(), 1)
        (taken,) = session.get_inputs()
        shape = [size if isinstance(size, int) else 2 for size in taken.shape]
        dtype = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[taken.type]
        for high in (1, 256):
            numbers = np.random.default_rng(0).integers(0, high, shape)
            session.run(None, {taken.name: numbers.astype(dtype)})
    except Exception as error:  # the library has classes of its own for each reason
        raise InputError(" ".join(str(error).split())) from error
    return {}, {}


def _require_runnable(content, path):
    def run():
        limits = Limits(_MEMORY + 4 * len(content), _SECONDS, 3 * _SECONDS)
        try:
            with read_apart(f"{__name__}:{run_onnx.__name__}", path, limits, content):
                pass
        except ReaderError as error:
            raise InputError(
                f"{path}: onnxruntime could not run it ({error.how:.300})"
            ) from error

    try_once("onnxruntime", hashlib.sha256(content).hexdigest(), run)


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
