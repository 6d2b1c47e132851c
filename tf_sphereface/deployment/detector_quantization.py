"""Variants of P-Net, R-Net and O-Net by ai-edge-quantizer, from the float files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_quantizer import recipe_manager
from ai_edge_quantizer.qtyping import TFLOperationName

from tf_sphereface.deployment.quantization.ai_edge import (
    RECIPES,
    leave_float,
    quantize_content,
)
from tf_sphereface.detection import MTCNN, NETWORK_NAMES, MTCNNSettings, Networks
from tf_sphereface.detection.crops import normalize
from tf_sphereface.errors import InputError

# The probabilities would be whole 256ths: many proposals would tie, and ties decide
# which box a face gets.
_FLOAT_IN_INT8 = (
    TFLOperationName.INPUT,
    TFLOperationName.OUTPUT,
    TFLOperationName.SOFTMAX,
)
_MOST_CROPS, _FEWEST_CROPS = 400, 8


# All pixels, and half a pixel more at either end: no value lies between two integers.
_ENDS = tuple(normalize(np.array([-0.5, 255.5])))


def _int8(recipe):
    recipe.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, 8, 8)
    for operation in _FLOAT_IN_INT8:
        leave_float(recipe, operation)


_RECIPES = {
    **{name: RECIPES[name] for name in ("fp16", "dynamic", "weight-only")},
    "int8": _int8,
}
# P-Net's weights are 26 kB of 2 MB. With 8 bits it moves the proposals, and about half
# of a variant's landmark shift comes from there.
_PNET_IS_QUANTIZED = {"fp16"}

DETECTOR_VARIANTS = ("none", "fp16", "dynamic", "int8", "weight-only")


class RecordingNetworks:
    """Networks that remember the crops which R-Net and O-Net are given.

    Args:
        networks: Those that do the work.
    """

    def __init__(self, networks: Networks):
        self._networks = networks
        self._crops = {"rnet": [], "onet": []}
        self.pnet = networks.pnet

    def rnet(self, crops):
        self._crops["rnet"].append(crops)
        return self._networks.rnet(crops)

    def onet(self, crops):
        self._crops["onet"].append(crops)
        return self._networks.onet(crops)

    def crops(self, name: str) -> np.ndarray:
        """Float32 (crops, side, side, 3) of "rnet" or "onet", normalised."""
        return np.concatenate(self._crops[name])


def calibration_crops(
    networks: Networks,
    photos: Sequence[np.ndarray],
    settings: MTCNNSettings | None = None,
) -> dict[str, np.ndarray]:
    """What R-Net and O-Net look at in photos, as the cascade cuts it out.

    Args:
        networks: The float networks.
        photos: uint8 (height, width, 3) RGB each, with faces.
        settings: Of the cascade; None is `MTCNNSettings()`.

    Returns: "rnet" and "onet", float32 (crops, side, side, 3), normalised; at most 400
        crops each, evenly chosen.
    Raises: InputError if one of the two is given fewer than 8 crops.
    """
    recorder = RecordingNetworks(networks)
    detector = MTCNN(recorder, settings)
    for photo in photos:
        detector.detect([photo])
    chosen = {}
    for name in ("rnet", "onet"):
        crops = recorder.crops(name) if len(photos) else ()
        if len(crops) < _FEWEST_CROPS:
            raise InputError(
                f"too few faces to calibrate the detector with: {name} is given "
                f"{len(crops)} crops of {len(photos)} photos, it needs {_FEWEST_CROPS}"
            )
        count = min(len(crops), _MOST_CROPS)
        chosen[name] = crops[np.linspace(0, len(crops) - 1, count).astype(int)]
    return chosen


def write_detector_variant(
    directory: Path, source: Path, variant: str, crops: dict[str, np.ndarray]
) -> None:
    """Writes pnet.tflite, rnet.tflite and onet.tflite of one variant.

    Batch and size of their inputs stay free, and inputs and outputs float32. P-Net is
    float32 in all variants but "fp16".

    Args:
        directory: Where to; it is there.
        source: Folder with the float files.
        variant: One of `DETECTOR_VARIANTS`.
        crops: Of `calibration_crops`; only "int8" looks at them.
    """
    for name in NETWORK_NAMES:
        content = (source / f"{name}.tflite").read_bytes()
        if variant != "none" and (name != "pnet" or variant in _PNET_IS_QUANTIZED):
            manager = recipe_manager.RecipeManager()
            _RECIPES[variant](manager)
            content = quantize_content(content, manager, crops.get(name), _ENDS)
        (directory / f"{name}.tflite").write_bytes(content)
