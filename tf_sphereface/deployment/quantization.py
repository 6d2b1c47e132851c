"""8-bit variants of a float TFLite file, by ai-edge-quantizer."""

import contextlib
import io
import warnings

import numpy as np
from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from tf_sphereface.deployment.saved_model import INPUT_NAME
from tf_sphereface.preprocessing import PixelContract

_SIGNATURE = "serving_default"


def quantize_dynamic(float_model: bytes) -> bytes:
    """int8 weights; activations stay float and are quantised while running."""
    return _quantize(float_model, recipe.dynamic_wi8_afp32(), None)


def quantize_static(
    float_model: bytes, aligned_faces: np.ndarray, pixel_contract: PixelContract
) -> bytes:
    """int8 weights, activations, input and output, with ranges seen on real crops.

    The range of the input is not taken from the crops: it is the contract's own, so
    that a darker or brighter photo than those is not clipped.

    Args:
        float_model: Float32 TFLite file with a batch of 1.
        aligned_faces: uint8 (crops, height, width, 3), RGB; at least 1, better 200.
        pixel_contract: Normalises the crops.

    Raises: ValueError if there is no crop.
    """
    if not len(aligned_faces):
        raise ValueError("`aligned_faces` must hold at least one crop.")
    inputs = pixel_contract.normalize(aligned_faces.astype(np.float32))
    return _quantize(
        float_model,
        recipe.static_wi8_ai8(),
        {"inputs": inputs, "limits": _input_limits(pixel_contract)},
    )


def _input_limits(pixel_contract):
    # One 256th wider than the pixels: with the exact range each pixel value would lie
    # halfway between two integers, and languages round halves differently.
    ends = np.array([-0.5, 255.5], np.float32)
    return (ends - pixel_contract.mean) / pixel_contract.scale


def _quantize(float_model, model_recipe, calibration):
    engine = quantizer.Quantizer(float_model, model_recipe)
    with _quietly():
        ranges = None
        if calibration is not None:
            ranges = _observed_ranges(float_model, model_recipe, calibration["inputs"])
            _set_input_range(ranges, calibration["limits"])
        result = engine.quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


def _observed_ranges(float_model, model_recipe, inputs):
    """Least and greatest value of each tensor over all crops.

    `Quantizer.calibrate` keeps a moving average instead, which clips every crop that is
    beyond the average: SphereFace-4 then drifts more than twice as far.
    """
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(model_recipe)
    observer = calibrator.Calibrator(
        float_model, num_threads=2, qsv_update_func=qsv_utils.min_max_update
    )
    samples = [{INPUT_NAME: face[None]} for face in inputs]
    observer.calibrate({_SIGNATURE: samples}, manager)
    return observer.get_model_qsvs()


def _set_input_range(ranges, limits):
    (name,) = [name for name in ranges if name.startswith(f"{_SIGNATURE}_{INPUT_NAME}")]
    low, high = limits
    ranges[name] = {
        **ranges[name],
        "min": np.full_like(ranges[name]["min"], low),
        "max": np.full_like(ranges[name]["max"], high),
    }


@contextlib.contextmanager
def _quietly():
    # The calibrator keeps all tensors on purpose, is warned about it by the
    # interpreter, and draws a progress bar that cannot be turned off.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
