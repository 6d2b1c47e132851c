"""Bundles written: variants, detector, golden faces, documents and the contract."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from tf_sphereface import __version__
from tf_sphereface.bundle.bundle import Bundle, load_bundle
from tf_sphereface.bundle.contract import BundleContract, file_record
from tf_sphereface.bundle.records import (
    DetectorRecord,
    FeatureRecord,
    ModelRecord,
    Quantization,
    SampleRecord,
    TensorRecord,
    Variant,
)
from tf_sphereface.bundle.schema import SCHEMA_FILE, schema_content
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.bundle.tflite_metadata import FileMetadata, with_metadata
from tf_sphereface.deployment.folders import replacing_export
from tf_sphereface.deployment.quantization.operator_versions import least_runtimes
from tf_sphereface.deployment.samples import SampleFace
from tf_sphereface.deployment.writing.golden import write_golden
from tf_sphereface.deployment.writing.model_card import MODEL_CARD_FILE, model_card
from tf_sphereface.deployment.writing.training_facts import CardFacts
from tf_sphereface.detection import (
    NETWORK_NAMES,
    MTCNNSettings,
    cached_networks,
    load_detector,
)
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.preprocessing import PixelContract


@dataclasses.dataclass(frozen=True)
class CheckedVariant:
    """A TFLite file that was measured, on its way into a bundle.

    Args:
        content: Of the file.
        file: Its name in the bundle.
        measured: Fields of `Variant` that were measured: drift, gate and so on.
    """

    content: bytes
    file: str
    measured: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class BundleContent:
    """Parts of a bundle that `write_bundle` puts together.

    Args:
        model: The model that was exported.
        pixel_contract: Of the network.
        crop: The crops that the network takes.
        embedding_dim: Of one image.
        feature: The feature, and the steps to it that the files do themselves.
        variants: By name; the first is the default.
        golden_faces: Synthetic faces for the tests of programs on other devices.
        samples: The crops that the variants were compared on.
        facts: For the model card, see `model_card`.
        settings: Of the detector's cascade.
    """

    model: ModelRecord
    pixel_contract: PixelContract
    crop: CropGeometry
    embedding_dim: int
    feature: FeatureRecord
    variants: dict[str, CheckedVariant]
    golden_faces: list[SampleFace]
    samples: SampleRecord
    facts: CardFacts | None = None
    settings: MTCNNSettings = dataclasses.field(default_factory=MTCNNSettings)


def write_bundle(out: Path, content: BundleContent, overwrite: bool = False) -> Bundle:
    """Writes a bundle; the folder is whole or not there.

    All variants of a bundle are written together, from one model: an existing bundle is
    replaced or refused, never added to.

    Raises: InputError if `out` exists and `overwrite` is not set, or is no bundle.
    """
    with replacing_export(out, overwrite) as folder:
        detector = _add_detector(folder, content.settings)
        variants = {
            name: _add_variant(folder, name, variant, content)
            for name, variant in content.variants.items()
        }
        contract = BundleContract(
            library_version=__version__,
            model=content.model,
            pixels=content.pixel_contract,
            embedding_dim=content.embedding_dim,
            landmark_template=content.crop.template,
            landmark_fit=content.crop.fit,
            feature=content.feature,
            detector=detector,
            variants=variants,
            default_variant=next(iter(variants)),
            samples=content.samples,
            golden=_add_golden(folder, content, variants, detector),
        )
        contract = _add_documents(folder, contract, content.facts)
        contract.write(folder / CONTRACT_FILE)
        load_bundle(folder)
    return Bundle(out, contract)


def _add_variant(folder, name, variant, content):
    metadata = FileMetadata(
        library_version=__version__,
        name=content.model.name,
        variant=name,
        pixels=content.pixel_contract,
        landmark_template=content.crop.template,
        landmark_fit=content.crop.fit,
        feature=content.feature,
        embedding_dim=content.embedding_dim,
        licence=content.model.licence,
        thresholds=variant.measured.get("thresholds"),
    )
    whole = with_metadata(variant.content, metadata)
    (folder / variant.file).write_bytes(whole)
    embedder = _embedder(folder / variant.file, content, whole)
    return Variant(
        **file_record(folder, variant.file).model_dump(),
        input=_tensor_record(embedder.input_details),
        output=_tensor_record(embedder.output_details),
        runtime=least_runtimes(variant.content),
        **variant.measured,
    )


def _embedder(file, content, network):
    return TFLiteEmbedder(
        file, content.pixel_contract, feature=content.feature, content=network
    )


def _tensor_record(details):
    scale, zero_point = details["quantization"]
    return TensorRecord(
        name=details["name"],
        dtype=details["dtype"].__name__,
        shape=[int(size) for size in details["shape_signature"]],
        quantization=Quantization(scale=float(scale), zero_point=int(zero_point))
        if scale
        else None,
    )


def _add_detector(folder, settings):
    (folder / "detector").mkdir()
    files = {}
    for name in NETWORK_NAMES:
        file = f"detector/{name}.tflite"
        shutil.copy(cached_networks() / f"{name}.tflite", folder / file)
        files[name] = file_record(folder, file)
    return DetectorRecord(files=files, settings=dataclasses.asdict(settings))


def _add_golden(folder, content, variants, detector):
    files = {name: folder / variant.file for name, variant in variants.items()}
    embedders = {
        name: _embedder(file, content, file.read_bytes())
        for name, file in files.items()
    }
    networks = load_detector(folder / detector.folder, content.settings)
    return write_golden(folder, content.golden_faces, networks, embedders)


def _add_documents(folder, contract, facts):
    texts = {
        "schema": (SCHEMA_FILE, schema_content()),
        "model_card": (MODEL_CARD_FILE, model_card(contract, facts).encode()),
    }
    records = {}
    for name, (file, content) in texts.items():
        (folder / file).write_bytes(content)
        records[name] = file_record(folder, file)
    return contract.model_copy(update={"documents": records})
