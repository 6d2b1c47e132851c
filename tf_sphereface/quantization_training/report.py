"""Effect of the training on the file: sizes, zeros, values."""

import zlib

import numpy as np

# The best that deflate does; app stores and zip archives use no better.
_LEVEL = 9


def file_size(content: bytes) -> dict[str, int]:
    """Size of a file as it is and after deflate, bytes."""
    return {
        "bytes": len(content),
        "deflated_bytes": len(zlib.compress(content, _LEVEL)),
    }


def kernel_figures(kernels: dict[str, np.ndarray]) -> dict[str, dict]:
    """For each kernel its size, share of zeros and number of different values."""
    return {
        name: {
            "weights": int(kernel.size),
            "zeros": round(float(np.mean(kernel == 0)), 4),
            "values": int(np.unique(kernel).size),
        }
        for name, kernel in kernels.items()
    }
