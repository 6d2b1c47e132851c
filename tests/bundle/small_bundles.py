"""Bundles of a tiny network without an export: any mirror policy, any graph."""

import dataclasses
import json
import shutil

import numpy as np
from PIL import Image

from tf_sphereface import __version__
from tf_sphereface.bundle.bundle import Bundle, load_bundle
from tf_sphereface.bundle.contract import BundleContract, file_record
from tf_sphereface.bundle.records import (
    DetectorRecord,
    Drift,
    FeatureRecord,
    Gate,
    ModelRecord,
    SampleRecord,
    TensorRecord,
    Variant,
)
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.bundle.variants import VARIANTS
from tf_sphereface.detection import NETWORK_NAMES, MTCNNSettings, cached_networks
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.preprocessing import PixelContract


def write_bundle(folder, content, embedding_dim, mirror="concat", inside=(), **parts):
    """A bundle of one TFLite file, as its only variant "none".

    Args:
        folder: New.
        content: Of the file.
        embedding_dim: Of the network.
        mirror: Policy of the contract.
        inside: Steps that the file does itself.
        parts: More of the variant, such as `thresholds`.
    """
    (folder / "detector").mkdir(parents=True)
    (folder / "embedder.tflite").write_bytes(content)
    golden = _golden(folder, FeatureRecord(mirror=mirror, inside=inside))
    (folder / "golden.json").write_text(json.dumps({"faces": [golden]}))
    for name in NETWORK_NAMES:
        shutil.copy(cached_networks() / f"{name}.tflite", folder / "detector")
    pixels = PixelContract()
    contract = BundleContract(
        library_version=__version__,
        pixels=pixels,
        embedding_dim=embedding_dim,
        model=ModelRecord(name="tiny", sha256="0" * 64, parameters=1),
        samples=SampleRecord(
            rendered=True,
            representative=0,
            representative_people=0,
            compared=1,
            compared_people=1,
        ),
        landmark_template=pixels.crop.template,
        feature=FeatureRecord(mirror=mirror, inside=inside),
        detector=_detector(folder),
        variants={"none": _variant(folder, "pixels" in inside, parts)},
        default_variant="none",
        golden=file_record(folder, "golden.json"),
    )
    contract.write(folder / CONTRACT_FILE)
    return load_bundle(folder)


def with_variants(bundle, **changes):
    """The bundle with parts of each variant replaced, by the variant's name.

    A variant that is not there is made of the file of "none".
    """
    variants, first = dict(bundle.contract.variants), bundle.contract.variants["none"]
    for name, parts in changes.items():
        variants[name] = variants.get(name, first).model_copy(update=parts)
    return with_contract(bundle, variants=variants)


def with_contract(bundle, **parts):
    """The bundle with parts of its contract replaced."""
    return Bundle(bundle.path, bundle.contract.model_copy(update=parts))


def failed(*failures):
    """A gate that did not pass."""
    return Gate(passed=False, failures=failures)


def _golden(folder, feature):
    """A noisy crop that stands for its photo, and its embedding."""
    crop = np.random.default_rng(0).integers(0, 256, (112, 96, 3), np.uint8)
    Image.fromarray(crop).save(folder / "crop.png")
    embedder = TFLiteEmbedder(folder / "embedder.tflite", feature=feature)
    sha256 = file_record(folder, "crop.png").sha256
    return {
        "photo": "crop.png",
        "crop": "crop.png",
        "sha256": {"photo": sha256, "crop": sha256},
        "detected": None,
        "landmarks": PixelContract().crop.template,
        # `with_variants` gives the file other names.
        "embeddings": dict.fromkeys(VARIANTS, embedder.embed(crop[None])[0].tolist()),
    }


def _detector(folder):
    files = {
        name: file_record(folder, f"detector/{name}.tflite") for name in NETWORK_NAMES
    }
    return DetectorRecord(files=files, settings=dataclasses.asdict(MTCNNSettings()))


def _variant(folder, pixels, parts):
    dtype = "uint8" if pixels else "float32"
    tensors = {
        "input": TensorRecord(
            name="aligned_face", dtype=dtype, shape=(1, 112, 96, 3), quantization=None
        ),
        "output": TensorRecord(
            name="embedding", dtype="float32", shape=(1, 32), quantization=None
        ),
    }
    return Variant(
        **file_record(folder, "embedder.tflite").model_dump(),
        **tensors,
        drift=Drift(mean_cosine=1, p01_cosine=1, min_cosine=1, crops=1),
        **parts,
    )
