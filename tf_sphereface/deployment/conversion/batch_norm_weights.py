"""Arithmetic of batch norm in inference: an affine function, folded into weights."""

import numpy as np


def factor_and_shift(
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Batch norm as factor * x + shift, float64 (channels,).

    Args:
        mean: Moving mean, (channels,).
        variance: Moving variance, (channels,).
        epsilon: Added to the variance.
        gamma: None is 1.
        beta: None is 0.
    """
    mean, variance = (np.asarray(each, np.float64) for each in (mean, variance))
    factor = 1 / np.sqrt(variance + epsilon)
    if gamma is not None:
        factor = factor * np.asarray(gamma, np.float64)
    return factor, (0 if beta is None else np.asarray(beta, np.float64)) - factor * mean


def folded_weights(
    kernel: np.ndarray,
    bias: np.ndarray | None,
    factor: np.ndarray,
    shift: np.ndarray,
    depthwise: bool,
) -> list[np.ndarray]:
    """Kernel and bias of a layer with the affine function behind it, float32.

    Args:
        kernel: (..., channels), or (height, width, channels, multiplier) of a depthwise
            convolution.
        bias: None is 0.
        factor: Of the affine function, float64 (outputs,).
        shift: Likewise.
        depthwise: True for a depthwise convolution.
    """
    kernel = np.asarray(kernel, np.float64)
    bias = 0.0 if bias is None else np.asarray(bias, np.float64)
    kernel = kernel * (factor.reshape(kernel.shape[2:]) if depthwise else factor)
    bias = bias * factor + shift
    return [kernel.astype(np.float32), bias.astype(np.float32)]
