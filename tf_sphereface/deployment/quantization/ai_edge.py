"""Quantised variants of a network, made by ai-edge-quantizer from the float file."""

import contextlib
import io
import re
import warnings

import numpy as np
from ai_edge_quantizer import calibrator, quantizer, recipe_manager
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
from ai_edge_quantizer.utils import qsv_utils

from tf_sphereface.deployment.conversion.tflite import SIGNATURE, FloatModel
from tf_sphereface.deployment.quantization.analysis import layers_of
from tf_sphereface.errors import InputError
from tf_sphereface.litert import open_interpreter
from tf_sphereface.progress import Progress

_ALL, _EVERYWHERE = TFLOperationName.ALL_SUPPORTED, ".*"
_REPORTED_TOGETHER = 16  # samples between two reports of progress
_ENDS = (TFLOperationName.INPUT, TFLOperationName.OUTPUT)


def _int8_with_float_ends(recipe):
    recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8)
    for end in _ENDS:
        _leave_float(recipe, end)


def _dynamic(recipe):
    recipe.add_dynamic_config(_EVERYWHERE, _ALL, 8)
    # With 8-bit activations they would run outside the CPU delegate, each a border
    # between two partitions; their arithmetic is little.
    recipe.add_weight_only_config(_EVERYWHERE, TFLOperationName.DEPTHWISE_CONV_2D, 8)


def _int4(recipe):
    # Convolutions of 4 bits run outside the CPU delegate, some ten times slower, and
    # blocks are for dense layers only: without them 4 bits lose much more.
    _dynamic(recipe)
    recipe.add_dynamic_config(
        _EVERYWHERE, TFLOperationName.FULLY_CONNECTED, 4, QuantGranularity.BLOCKWISE_32
    )


NAME = "ai-edge-quantizer"
# The operations that each variant quantises; each function fills a recipe.
RECIPES = {
    "fp16": lambda recipe: recipe.add_weight_only_config(
        _EVERYWHERE, _ALL, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
    ),
    "dynamic": _dynamic,
    "int8": _int8_with_float_ends,
    "int8-io": lambda recipe: recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8),
    "int4": _int4,
}


def quantize(
    model: FloatModel,
    variant: str,
    aligned_faces: np.ndarray,
    keep_float: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> bytes:
    """Content of the TFLite file of a variant.

    The range of the input is not taken from the crops: it is the contract's own, so
    that a darker or brighter photo than those is not clipped.

    Args:
        model: The float model.
        variant: A key of `RECIPES`.
        aligned_faces: uint8 (crops, height, width, 3), RGB, to take ranges from.
        keep_float: Names of layers that are not quantised.
        progress: Called with the crops done and the crops in all.

    Raises: InputError if there is no such layer.
    """
    manager = recipe_manager.RecipeManager()
    RECIPES[variant](manager)
    for layer in _known_layers(model.content, keep_float):
        _leave_float(manager, _ALL, rf"(^|[/;]){re.escape(layer)}_\d+/")
    ranges = None
    with _quietly():
        if manager.need_calibration():
            inputs = model.inputs(aligned_faces)
            ranges = _observed_ranges(model.content, manager, inputs, progress)
            if "pixels" not in model.feature.inside:
                _set_input_range(ranges, _input_ends(model.pixel_contract))
        engine = quantizer.Quantizer(model.content, manager.get_quantization_recipe())
        result = engine.quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


def _observed_ranges(content, manager, inputs, progress):
    """Least and greatest value of each tensor over all inputs, by the tensor's name.

    `Quantizer.calibrate` keeps a moving average instead, which clips every crop that is
    beyond the average: SphereFace-4 then drifts more than twice as far.
    """
    observer = calibrator.Calibrator(
        content, num_threads=2, qsv_update_func=qsv_utils.min_max_update
    )
    (name,) = open_interpreter(content).get_signature_list()[SIGNATURE]["inputs"]
    samples = [{name: sample[None]} for sample in inputs]
    for start in range(0, len(samples), _REPORTED_TOGETHER):
        part = samples[start : start + _REPORTED_TOGETHER]
        observer.calibrate({SIGNATURE: part}, manager)
        if progress:
            progress(start + len(part), len(samples))
    return observer.get_model_qsvs()


def _known_layers(content, names):
    known = layers_of(content)
    for name in names:
        if name not in known:
            raise InputError(
                f"no layer {name!r} to keep float; the network has: "
                + ", ".join(sorted(known))
            )
    return names


def _leave_float(recipe, operation, scope=_EVERYWHERE):
    """Excludes an operation from a recipe where a scope's pattern matches."""
    recipe.add_quantization_config(
        scope, operation, algorithm_key=AlgorithmName.NO_QUANTIZE
    )


def _input_ends(contract):
    """Range of a normalised input, one 256th wider than the pixels.

    With the exact range each pixel value would lie halfway between two integers, and
    languages round halves differently.
    """
    return contract.ends(-0.5, 255.5)


def _set_input_range(ranges, ends):
    low, high = ends
    (name,) = [name for name in ranges if name.startswith(f"{SIGNATURE}_")]
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
