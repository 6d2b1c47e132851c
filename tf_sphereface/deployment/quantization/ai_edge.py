"""Variants by ai-edge-quantizer, from the float TFLite file."""

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
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.progress import Progress

_ALL, _EVERYWHERE = TFLOperationName.ALL_SUPPORTED, ".*"
_REPORTED_TOGETHER = 16  # samples between two reports of progress
_ENDS = (TFLOperationName.INPUT, TFLOperationName.OUTPUT)


def _int8_with_float_ends(recipe):
    recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8)
    for end in _ENDS:
        leave_float(recipe, end)


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


# Functions that tell a recipe what a variant is.
RECIPES = {
    "fp16": lambda recipe: recipe.add_weight_only_config(
        _EVERYWHERE, _ALL, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
    ),
    "dynamic": _dynamic,
    "weight-only": lambda recipe: recipe.add_weight_only_config(_EVERYWHERE, _ALL, 8),
    "int8": _int8_with_float_ends,
    "int8-io": lambda recipe: recipe.add_static_config(_EVERYWHERE, _ALL, 8, 8),
    "int4": _int4,
}


class AIEdgeQuantizer:
    """`Quantizer` by ai-edge-quantizer; keeps one delegate partition with PReLU."""

    name = "ai-edge-quantizer"
    variants = frozenset(RECIPES)

    def quantize(
        self,
        model: FloatModel,
        variant: str,
        aligned_faces: np.ndarray,
        keep_float: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> bytes:
        """As `variants.Quantizer.quantize`.

        The range of the input is not taken from the crops: it is the contract's own, so
        that a darker or brighter photo than those is not clipped.
        """
        manager = recipe_manager.RecipeManager()
        RECIPES[variant](manager)
        for layer in _known_layers(model.content, keep_float):
            leave_float(manager, _ALL, rf"(^|[/;]){re.escape(layer)}_\d+/")
        ends = None if model.options.pixels else input_ends(model.pixel_contract)
        inputs = model.inputs(aligned_faces) if manager.need_calibration() else None
        return quantize_content(model.content, manager, inputs, ends, progress)


def quantize_content(
    content: bytes,
    manager: recipe_manager.RecipeManager,
    inputs: np.ndarray | None = None,
    ends: tuple[float, float] | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Quantises a float file by a recipe.

    Args:
        content: Of a float TFLite file with one signature and one input.
        manager: Holds the recipe.
        inputs: What the file takes, (samples, ...), fed one by one; it is looked at
            only if the recipe needs ranges.
        ends: Range of the input, if it is not to be taken from `inputs`.
        progress: Called with the samples done and the samples in all.
    """
    recipe, ranges = manager.get_quantization_recipe(), None
    with _quietly():
        if manager.need_calibration():
            ranges = _observed_ranges(content, manager, inputs, progress)
            if ends is not None:
                _set_input_range(ranges, ends)
        engine = quantizer.Quantizer(content, recipe)
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


def leave_float(
    recipe: recipe_manager.RecipeManager,
    operation: TFLOperationName,
    scope: str = _EVERYWHERE,
) -> None:
    """Tells a recipe not to quantise an operation where a scope's pattern matches."""
    recipe.add_quantization_config(
        scope, operation, algorithm_key=AlgorithmName.NO_QUANTIZE
    )


def input_ends(contract: PixelContract) -> tuple[float, float]:
    """Range of a normalised input, one 256th wider than the pixels.

    With the exact range each pixel value would lie halfway between two integers, and
    languages round halves differently.
    """
    return tuple((end - contract.mean) / contract.scale for end in (-0.5, 255.5))


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
