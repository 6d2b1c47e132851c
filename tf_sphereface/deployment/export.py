"""The two exports, one call each: model file in, checked bundle or SavedModel out."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from tf_sphereface import __version__
from tf_sphereface.deployment import (
    parity,
    quantization,
    sample_faces,
    saved_model,
    strip,
    tflite,
)
from tf_sphereface.deployment.bundle import (
    Bundle,
    BundleContent,
    CheckedVariant,
    write_bundle,
)
from tf_sphereface.deployment.contract import (
    CONTRACT_FILE,
    SavedModelContract,
    VariantMeasurement,
)
from tf_sphereface.deployment.embedder import TFLiteEmbedder
from tf_sphereface.deployment.folders import check_output, replacing_folder
from tf_sphereface.detection import cached_networks, load_detector
from tf_sphereface.preprocessing import PixelContract

VARIANTS = ("none", "fp16", "dynamic", "int8")
GOLDEN_FACES = 4

Measure = Callable[[TFLiteEmbedder], VariantMeasurement]


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a bundle is made.

    Args:
        variants: Of `VARIANTS`, each once; the first is the bundle's default.
        mirror: Whether a feature has the embedding of the mirror image too.
        calibration: Folder of aligned faces for int8 ranges and for the parity gate;
            None: rendered faces.
        maximum_drift: In place of the bounds of `parity.DRIFT_BOUNDS`.
        overwrite: Replace an earlier export.

    Raises: ValueError if a variant is unknown or named twice, or a number out of range.
    """

    variants: tuple[str, ...] = ("none",)
    mirror: bool = True
    calibration: Path | None = None
    maximum_drift: float | None = None
    overwrite: bool = False

    def __post_init__(self):
        known = set(self.variants) <= set(VARIANTS)
        if (
            not self.variants
            or not known
            or len(set(self.variants)) < len(self.variants)
        ):
            raise ValueError(
                f"`variants` must name some of {VARIANTS}, each once. "
                f"Received: variants={self.variants!r}"
            )
        parity.check_maximum_drift(self.maximum_drift)


def export_bundle(
    model_path: Path,
    out: Path,
    options: ExportOptions | None = None,
    measure: Measure | None = None,
) -> Bundle:
    """Converts a trained model to TFLite variants and writes the bundle.

    Every file is loaded again, by the interpreter that a phone has, and must embed
    faces as the Keras model does.

    Args:
        model_path: `.keras` file of a FaceClassifier or of a backbone.
        out: Folder of the bundle; missing parents are made.
        options: None is `ExportOptions()`.
        measure: Gives accuracy and thresholds of a variant; None leaves them out.

    Raises: InputError if a path or file is unusable; DriftError if a variant is too far
        from the Keras model. Nothing is written in either case.
    """
    options = ExportOptions() if options is None else options
    check_output(out, options.overwrite)
    backbone = strip.load_backbone(model_path)
    contract = strip.pixel_contract_of(backbone)
    samples = _Samples(backbone, contract, options.calibration)
    with tempfile.TemporaryDirectory() as directory:
        variants = {}
        for name, content in _convert(backbone, samples, options.variants):
            path = Path(directory) / f"{name}.tflite"
            path.write_bytes(content)
            exported = TFLiteEmbedder(path, contract).embed(samples.compared)
            drift = parity.check_drift(
                name, samples.reference, exported, options.maximum_drift
            )
            variants[name] = CheckedVariant(path, drift)
        if measure:  # which may take long: only when all variants passed the gate
            variants = {
                name: dataclasses.replace(
                    variant,
                    measurement=measure(TFLiteEmbedder(variant.path, contract)),
                )
                for name, variant in variants.items()
            }
        detector = cached_networks()
        content = BundleContent(
            pixel_contract=contract,
            variants=variants,
            detector=detector,
            golden_faces=_golden_faces(contract, load_detector(detector)),
            mirror=options.mirror,
        )
        return write_bundle(out, content, options.overwrite)


def export_saved_model(
    model_path: Path,
    out: Path,
    calibration: Path | None = None,
    maximum_drift: float | None = None,
    overwrite: bool = False,
) -> SavedModelContract:
    """Writes the backbone as a SavedModel with its contract.json in the folder.

    Args: as `export_bundle` and `ExportOptions`.
    Raises: as `export_bundle`.
    """
    parity.check_maximum_drift(maximum_drift)
    check_output(out, overwrite)
    backbone = strip.load_backbone(model_path)
    pixels = strip.pixel_contract_of(backbone)
    samples = _Samples(backbone, pixels, calibration)
    with replacing_folder(out, overwrite) as folder:
        saved_model.write_saved_model(backbone, folder)
        exported = saved_model.embed_faces(
            saved_model.serving_function(folder), pixels, samples.compared
        )
        contract = SavedModelContract(
            library_version=__version__,
            pixels=pixels,
            embedding_dim=exported.shape[1],
            input=saved_model.INPUT_NAME,
            output=saved_model.OUTPUT_NAME,
            drift=parity.check_drift(
                "saved_model", samples.reference, exported, maximum_drift
            ),
        )
        contract.write(folder / CONTRACT_FILE)
    return contract


class _Samples:
    """Crops to calibrate with, other crops to compare on, and what Keras makes of them.

    Ranges fit the crops that they were taken from: these would hide what int8 clips.
    """

    def __init__(
        self, backbone: keras.Model, contract: PixelContract, directory: Path | None
    ):
        if directory is None:
            faces = sample_faces.synthetic_faces(contract)
            crops = np.stack([face.crop for face in faces])
        else:
            crops = sample_faces.read_aligned_faces(directory, contract)
        self.contract = contract
        self.calibration, self.compared = crops[::2], crops[1::2]
        inputs = contract.normalize(self.compared.astype(np.float32))
        self.reference = backbone.predict(inputs, batch_size=16, verbose=0)


def _golden_faces(contract, detector):
    """The first rendered faces that the detector finds, for tests of the whole road."""
    faces = sample_faces.synthetic_faces(contract, GOLDEN_FACES * 8, photos_each=1)
    found = (face for face in faces if detector.detect([face.photo])[0])
    return list(itertools.islice(found, GOLDEN_FACES))


def _convert(backbone, samples, variants):
    """Gives (name, content of the TFLite file) of each variant, one at a time."""
    float_model = tflite.to_tflite(backbone) if set(variants) != {"fp16"} else None
    for name in variants:
        if name == "none":
            yield name, float_model
        elif name == "fp16":
            yield name, tflite.to_tflite(backbone, half_weights=True)
        elif name == "dynamic":
            yield name, quantization.quantize_dynamic(float_model)
        else:
            yield (
                name,
                quantization.quantize_static(
                    float_model, samples.calibration, samples.contract
                ),
            )
