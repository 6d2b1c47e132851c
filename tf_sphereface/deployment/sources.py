"""Networks to export: our own and Keras' files, and float TFLite files."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_sphereface import embedding_models
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.records import ModelRecord
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.foreign_file import FloatFile
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.parity.keras_features import reference_features
from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.model_files import TFLITE_SUFFIX, export_file


@dataclasses.dataclass(frozen=True)
class ExportSource:
    """A network on its way into a bundle.

    Args:
        network: The float network that every variant is made from.
        reference: Of uint8 crops (crops, height, width, 3): what the model gives, as
            the user loads it, float32 (crops, output_dim).
        model: Its record for the contract.
        embedding_dim: Of one image.
        crop: The crops that it was trained on, or None.
    """

    network: FloatModel | FloatFile
    reference: Callable[[np.ndarray], np.ndarray]
    model: ModelRecord
    embedding_dim: int
    crop: CropGeometry | None = None


def open_source(model_path: Path, options) -> ExportSource:
    """Opens a model that is to be exported.

    Args:
        model_path: `.keras` file of a classifier or backbone, run folder, or float
            `.tflite` file.
        options: `ExportOptions`.

    Raises: InputError if the path or file is unusable, or an option does not fit it.
    """
    path = export_file(model_path)
    if path.suffix == TFLITE_SUFFIX:
        return _tflite_source(path, options)
    if options.size is not None:
        raise InputError(f"--size is for TFLite files with free sides, not for {path}")
    backbone = embedding_models.load_backbone(path)
    contract = embedding_models.pixel_contract_of(backbone, options.pixels, str(path))
    folded = fold_batch_norm(backbone)
    return ExportSource(
        network=FloatModel(folded, contract, options.feature, options.batch),
        reference=_keras_reference(backbone, contract, options.feature),
        model=_record(path, backbone.name, backbone.count_params(), options, backbone),
        embedding_dim=backbone.output_shape[-1],
        crop=getattr(backbone, "crop", None),
    )


def reference_of(
    model_path: Path, contract: BundleContract
) -> Callable[[np.ndarray], np.ndarray]:
    """`ExportSource.reference` of the model that a bundle was made of.

    Args:
        model_path: As for `open_source`.
        contract: Of the bundle.

    Raises: InputError if the path or file is unusable.
    """
    path, pixels = export_file(model_path), contract.pixels
    if path.suffix == TFLITE_SUFFIX:
        given = {
            name: getattr(pixels, name) for name in ("channel_order", "mean", "scale")
        }
        size = pixels.height, pixels.width
        return FloatFile(path, contract.feature.mirror, given, size).reference
    backbone = embedding_models.load_backbone(path)
    return _keras_reference(backbone, pixels, contract.feature)


def _keras_reference(backbone, contract, feature):
    return lambda crops: reference_features(backbone, contract, crops, feature)


def _tflite_source(path, options):
    if options.inside or options.batch != 1:
        raise InputError(
            f"{path} is taken as it is: --inside and --batch are for Keras models"
        )
    file = FloatFile(path, options.mirror, options.pixels, options.size)
    try:
        _ = file.pixel_contract.crop
    except ValueError as error:
        raise InputError(f"no aligned faces fit the network: {error}") from error
    return ExportSource(
        network=file,
        reference=file.reference,
        model=_record(path, file.name, file.parameters, options),
        embedding_dim=file.embedding_dim,
    )


def _record(path, name, parameters, options, backbone=None):
    provenance = getattr(backbone, "provenance", None) or {}
    return ModelRecord(
        name=name,
        sha256=sha256_of(path),
        parameters=parameters,
        licence=options.licence or provenance.get("licence"),
        provenance=_shipped(provenance),
    )


def _shipped(provenance):
    """Without names of files: they may tell who had them, and checksums find them."""
    told = {key: str(value) for key, value in provenance.items() if key != "source"}
    if "origin" in told:  # the provenance of the file that was imported
        try:
            told["origin"] = json.dumps(_shipped(json.loads(told["origin"])))
        except (ValueError, AttributeError):
            del told["origin"]  # not ours, and so of unknown content
    return told
