"""The variants of a network in a bundle, and what makes each of them."""

import dataclasses
from typing import Protocol

import numpy as np

from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.converter_quantization import ConverterQuantizer
from tf_sphereface.deployment.quantization.ai_edge import AIEdgeQuantizer
from tf_sphereface.errors import InputError
from tf_sphereface.progress import Progress

FLOAT = "none"


class Quantizer(Protocol):
    """A way to make variants.

    `quantize` takes a float model, the name of a variant, uint8 RGB crops (crops,
    height, width, 3) to take ranges from, names of layers to keep float, and a function
    that is called with the crops done and the crops in all; it returns the content of a
    TFLite file, or raises InputError.
    """

    name: str
    variants: frozenset[str]

    def quantize(
        self,
        model: FloatModel,
        variant: str,
        aligned_faces: np.ndarray,
        keep_float: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> bytes: ...


@dataclasses.dataclass(frozen=True)
class VariantKind:
    """What is known of a variant before it is made.

    Args:
        description: For help texts and model cards.
        needs_crops: Whether ranges of activations are taken from crops.
        exact: Whether it must agree with the float model up to rounding.
        needs_dense: Whether only a network with a dense layer has it.
    """

    description: str
    needs_crops: bool = False
    exact: bool = False
    needs_dense: bool = False


VARIANTS = {
    FLOAT: VariantKind("float32", exact=True),
    "fp16": VariantKind("float16 weights, float arithmetic", exact=True),
    "dynamic": VariantKind("int8 weights, activations quantised while running"),
    "int8": VariantKind("int8 weights and activations, float32 input and output", True),
    "int8-io": VariantKind("int8 throughout, input and output too", True),
    "weight-only": VariantKind("int8 weights, float arithmetic"),
    "int4": VariantKind("int4 weights of dense layers, else dynamic", needs_dense=True),
}

_QUANTIZERS = {maker.name: maker for maker in (AIEdgeQuantizer(), ConverterQuantizer())}
QUANTIZER_NAMES = ("auto", *_QUANTIZERS)


def available_variants(model: FloatModel) -> tuple[str, ...]:
    """The variants that a network has: without a dense layer int4 would be dynamic."""
    return tuple(
        name
        for name, kind in VARIANTS.items()
        if model.has_dense_layer or not kind.needs_dense
    )


def quantizer_for(variant: str, name: str = "auto") -> Quantizer:
    """The quantizer of a variant, by name; "auto" is ai-edge-quantizer for all of them.

    On the networks that were measured it gave the smaller drift or, where both gave the
    same, one delegate partition in place of many (docs/results.md).

    Raises: InputError if there is no such quantizer, or it does not make the variant.
    """
    if name not in QUANTIZER_NAMES:
        raise InputError(f"no quantizer {name!r}; there is: {', '.join(_QUANTIZERS)}")
    quantizer = _QUANTIZERS["ai-edge-quantizer" if name == "auto" else name]
    if variant not in quantizer.variants:
        raise InputError(
            f"{name} does not make the variant {variant!r}; it makes: "
            + ", ".join(sorted(quantizer.variants))
        )
    return quantizer


def file_name(variant: str) -> str:
    """Name of a variant's file in a bundle."""
    return "embedder.tflite" if variant == FLOAT else f"embedder_{variant}.tflite"
