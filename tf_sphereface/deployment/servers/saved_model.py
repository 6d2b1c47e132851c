"""The export for servers: model file in, checked SavedModel with its contract out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import tensorflow as tf

from tf_sphereface import __version__, embedding_models
from tf_sphereface.bundle.contract import SavedModelContract
from tf_sphereface.bundle.records import OUTPUT_NAME, STEPS, FeatureRecord, check_mirror
from tf_sphereface.deployment.conversion import saved_model
from tf_sphereface.deployment.folders import check_output, replacing_export
from tf_sphereface.deployment.parity.drift import (
    LEAST_EXACT_COSINE,
    check_exact,
    check_least_cosine,
)
from tf_sphereface.deployment.parity.keras_features import (
    held_out_crops,
    reference_features,
)
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.preprocessing import Values


def export_saved_model(
    model_path: Path,
    out: Path,
    calibration: Path | None = None,
    min_cosine: float = LEAST_EXACT_COSINE,
    overwrite: bool = False,
    mirror: Literal["none", "concat", "mean"] = "concat",
    pixels: Mapping[str, str | Values] | None = None,
) -> SavedModelContract:
    """Writes the backbone as a SavedModel with its contract.json in the folder.

    Both signatures are loaded again and must embed crops as the Keras model does:
    `encoded` gets them as PNG, which loses nothing.

    Args:
        model_path: `.keras` file or run folder, as `load_backbone` takes it.
        out: Folder of the SavedModel; missing parents are made.
        calibration: Folder of aligned faces to compare on; None: rendered faces.
        min_cosine: Least cosine of a crop to the Keras model.
        overwrite: Replace an earlier export.
        mirror: As in `FeatureRecord`; "concat" is what a bundle's features are.
        pixels: As for `ExportOptions`.

    Raises: ValueError if `min_cosine` or `mirror` is out of range; InputError if a
        path or file is unusable; DriftError if a signature is too far from the Keras
        model. Nothing is written in either case.
    """
    check_least_cosine(min_cosine)
    check_mirror(mirror)
    feature = FeatureRecord(mirror=mirror, inside=STEPS)
    check_output(out, overwrite)
    backbone = embedding_models.load_backbone(model_path)
    contract = embedding_models.pixel_contract_of(backbone, pixels, str(model_path))
    crops = held_out_crops(contract, calibration)
    reference = reference_features(backbone, contract, crops, feature)
    with replacing_export(out, overwrite) as folder:
        saved_model.write_serving_model(backbone, contract, feature, folder)
        drifts = [
            check_exact(
                "saved_model", reference, _embedded(folder, name, crops), min_cosine
            )
            for name in saved_model.SIGNATURES
        ]
        document = SavedModelContract(
            library_version=__version__,
            pixels=contract,
            embedding_dim=backbone.output_shape[1],
            feature=feature,
            signatures={
                name: {"input": taken, "output": OUTPUT_NAME}
                for name, taken in saved_model.SIGNATURES.items()
            },
            drift=min(drifts, key=lambda drift: drift.min_cosine),
        )
        document.write(folder / CONTRACT_FILE)
    return document


def _embedded(folder, signature, crops):
    serve = saved_model.serving_function(folder, signature)
    if signature == "encoded":
        crops = [tf.io.encode_png(crop).numpy() for crop in crops]
    return saved_model.embed_crops(serve, crops)
