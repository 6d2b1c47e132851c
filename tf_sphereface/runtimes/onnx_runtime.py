"""The runtime of ONNX files (extra `onnx`), without TensorFlow."""

import importlib.util

from tf_sphereface.errors import InputError


def require_packages(*names: str) -> None:
    """Raises InputError, in one line, unless these packages are installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"ONNX needs {', '.join(missing)}: pip install 'tf-sphereface[onnx]'"
        )


def open_session(content: bytes, threads: int | None = None):
    """An onnxruntime session on the CPU.

    Args:
        content: Of an ONNX file that holds all its weights.
        threads: Of one call; None leaves it to onnxruntime.

    Raises: an exception of onnxruntime if it refuses the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
