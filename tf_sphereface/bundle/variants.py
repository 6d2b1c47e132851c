"""The variants of a network in a bundle."""

import dataclasses

FLOAT = "none"


@dataclasses.dataclass(frozen=True)
class VariantKind:
    """Properties of a variant that are known before it is made.

    Args:
        description: For help texts and model cards.
        needs_crops: Ranges of activations are taken from crops.
        exact: It must agree with the float model up to rounding.
        needs_dense: Only a network with a dense layer has it.
    """

    description: str
    needs_crops: bool = False
    exact: bool = False
    needs_dense: bool = False


# A variant is an entry here and, unless it is the float file, one of `ai_edge.RECIPES`.
VARIANTS = {
    FLOAT: VariantKind("float32", exact=True),
    "fp16": VariantKind("float16 weights, float arithmetic", exact=True),
    "dynamic": VariantKind("int8 weights, activations quantised while running"),
    "int8": VariantKind("int8 weights and activations, float32 input and output", True),
    "int8-io": VariantKind("int8 throughout, input and output too", True),
    "int4": VariantKind("int4 weights of dense layers, else dynamic", needs_dense=True),
}


def is_exact(variant: str) -> bool:
    """True for a variant that must agree with the float model up to rounding.

    Args:
        variant: Its name; one that is not in `VARIANTS` was made elsewhere.
    """
    return variant in VARIANTS and VARIANTS[variant].exact


def available_variants(has_dense_layer: bool) -> tuple[str, ...]:
    """The variants of a network: without a dense layer int4 would be dynamic."""
    return tuple(
        name
        for name, kind in VARIANTS.items()
        if has_dense_layer or not kind.needs_dense
    )


def file_name(variant: str) -> str:
    """Name of a variant's file in a bundle."""
    return "embedder.tflite" if variant == FLOAT else f"embedder_{variant}.tflite"
