"""The bundle: a folder with all that a phone needs to match faces."""

import dataclasses
import shutil
from pathlib import Path

from tf_sphereface import __version__
from tf_sphereface.deployment.contract import (
    CONTRACT_FILE,
    BundleContract,
    DetectorRecord,
    Drift,
    Quantization,
    TensorRecord,
    Variant,
    VariantMeasurement,
    file_record,
)
from tf_sphereface.deployment.embedder import TFLiteEmbedder
from tf_sphereface.deployment.folders import replacing_folder
from tf_sphereface.deployment.golden import write_golden
from tf_sphereface.deployment.sample_faces import SampleFace
from tf_sphereface.detection import (
    MTCNN,
    NETWORK_NAMES,
    MTCNNSettings,
    load_detector,
)
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract


@dataclasses.dataclass(frozen=True)
class CheckedVariant:
    """A TFLite file that passed the parity gate, on its way into a bundle.

    Args:
        path: The file.
        drift: What the gate measured.
        measurement: Accuracy and thresholds measured with this file, or None.
    """

    path: Path
    drift: Drift
    measurement: VariantMeasurement | None = None


@dataclasses.dataclass(frozen=True)
class BundleContent:
    """What `write_bundle` puts into a bundle.

    Args:
        pixel_contract: Of the network.
        variants: By name; the first is the default.
        detector: Folder with pnet.tflite, rnet.tflite and onet.tflite.
        golden_faces: Synthetic faces for the tests of programs on other devices.
        mirror: Whether a feature has the embedding of the mirror image too.
        settings: Of the detector's cascade.
    """

    pixel_contract: PixelContract
    variants: dict[str, CheckedVariant]
    detector: Path
    golden_faces: list[SampleFace]
    mirror: bool = True
    settings: MTCNNSettings = dataclasses.field(default_factory=MTCNNSettings)


class Bundle:
    """A bundle whose files are those that its contract names.

    Args:
        path: The folder.
        contract: Its contract.
    """

    def __init__(self, path: Path, contract: BundleContract):
        self.path = path
        self.contract = contract

    def variant(self, name: str | None = None) -> Variant:
        """A variant of the embedding network; None is the default variant.

        Raises: InputError if there is no such variant.
        """
        name = self.contract.default_variant if name is None else name
        if name not in self.contract.variants:
            raise InputError(
                f"no variant {name!r} in {self.path}; it has: "
                + ", ".join(self.contract.variants)
            )
        return self.contract.variants[name]

    def embedder(
        self, variant: str | None = None, threads: int | None = None
    ) -> TFLiteEmbedder:
        """The embedding network, ready to use."""
        path = self.path / self.variant(variant).file
        embedder = TFLiteEmbedder(path, self.contract.pixels, threads)
        if embedder.embedding_dim != self.contract.embedding_dim:
            raise InputError(
                f"damaged bundle: {path} gives {embedder.embedding_dim} numbers, the "
                f"contract says {self.contract.embedding_dim}"
            )
        return embedder

    def detector(self, threads: int = 1) -> MTCNN:
        """The bundle's own face detector, ready to use."""
        record = self.contract.detector
        try:
            settings = MTCNNSettings(**record.settings)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"detector settings of {self.path} are unusable: {error}"
            ) from error
        directory = (self.path / record.files["pnet"].file).parent
        return load_detector(directory, settings, threads)


def load_bundle(path: Path) -> Bundle:
    """Reads a bundle and compares every file with its checksum.

    Raises: InputError if the folder is no bundle, or a file is missing or changed.
    """
    path = Path(path)
    if not (path / CONTRACT_FILE).is_file():
        raise InputError(f"not a bundle (no {CONTRACT_FILE}): {path}")
    contract = BundleContract.read(path / CONTRACT_FILE)
    for expected in contract.file_records():
        if file_record(path, expected.file).sha256 != expected.sha256:
            raise InputError(
                f"damaged bundle: {path / expected.file} is not the file that was "
                "exported (its checksum differs)"
            )
    return Bundle(path, contract)


def write_bundle(out: Path, content: BundleContent, overwrite: bool = False) -> Bundle:
    """Writes a bundle; the folder is whole or not there.

    All variants of a bundle are written together, from one model: an existing bundle is
    replaced or refused, never added to.

    Raises: InputError if `out` exists and `overwrite` is not set, or is no bundle.
    """
    with replacing_folder(out, overwrite) as folder:
        variants = {
            name: _add_variant(folder, name, variant, content.pixel_contract)
            for name, variant in content.variants.items()
        }
        embedders = {
            name: TFLiteEmbedder(folder / variant.file, content.pixel_contract)
            for name, variant in variants.items()
        }
        detector_record = _add_detector(folder, content)
        detector = load_detector(folder / "detector", content.settings)
        default = next(iter(variants))
        contract = BundleContract(
            library_version=__version__,
            pixels=content.pixel_contract,
            embedding_dim=embedders[default].embedding_dim,
            landmark_template=content.pixel_contract.crop.template,
            mirror=content.mirror,
            detector=detector_record,
            variants=variants,
            default_variant=default,
            golden=write_golden(folder, content.golden_faces, detector, embedders),
        )
        contract.write(folder / CONTRACT_FILE)
        load_bundle(folder)
    return Bundle(out, contract)


def _add_variant(folder, name, variant, pixel_contract):
    file = "embedder.tflite" if name == "none" else f"embedder_{name}.tflite"
    shutil.copyfile(variant.path, folder / file)
    embedder = TFLiteEmbedder(folder / file, pixel_contract)
    measured = variant.measurement
    return Variant(
        **file_record(folder, file).model_dump(),
        input=_tensor_record(embedder.input_details),
        output=_tensor_record(embedder.output_details),
        drift=variant.drift,
        verification=measured.verification if measured else None,
        thresholds=measured.thresholds if measured else None,
    )


def _tensor_record(details):
    scale, zero_point = details["quantization"]
    quantized = details["dtype"].__name__ != "float32"
    return TensorRecord(
        name=details["name"],
        dtype=details["dtype"].__name__,
        shape=[int(size) for size in details["shape_signature"]],
        quantization=Quantization(scale=float(scale), zero_point=int(zero_point))
        if quantized
        else None,
    )


def _add_detector(folder, content):
    (folder / "detector").mkdir()
    for name in NETWORK_NAMES:
        source = content.detector / f"{name}.tflite"
        shutil.copyfile(source, folder / "detector" / source.name)
    return DetectorRecord(
        files={
            name: file_record(folder, f"detector/{name}.tflite")
            for name in NETWORK_NAMES
        },
        settings=dataclasses.asdict(content.settings),
    )
