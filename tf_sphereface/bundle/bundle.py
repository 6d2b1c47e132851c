"""The bundle: a folder with all that a phone needs to match faces."""

from pathlib import Path

from tf_sphereface.bundle.contract import BundleContract, file_record
from tf_sphereface.bundle.records import Variant
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.detection import MTCNN, MTCNNSettings, load_detector
from tf_sphereface.errors import InputError
from tf_sphereface.model_files import CONTRACT_FILE, bundle_folder


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
        contract = self.contract
        embedder = TFLiteEmbedder(path, contract.pixels, threads, contract.feature)
        expected = contract.feature.output_dim(contract.embedding_dim)
        if embedder.embedding_dim != expected:
            raise InputError(
                f"damaged bundle: {path} gives {embedder.embedding_dim} numbers, the "
                f"contract says {expected}"
            )
        return embedder

    def detector(self, threads: int = 1) -> MTCNN:
        """The bundle's own face detector.

        Raises: InputError if its settings or files are unusable.
        """
        record = self.contract.detector
        try:
            settings = MTCNNSettings(**record.settings)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"detector settings of {self.path} are unusable: {error}"
            ) from error
        return load_detector(self.path / record.folder, settings, threads)


def load_bundle(path: Path) -> Bundle:
    """Reads a bundle and compares every file with its checksum.

    Raises: InputError if the folder is no bundle, or a file is missing or changed.
    """
    path = bundle_folder(path)
    contract = BundleContract.read(path / CONTRACT_FILE)
    for expected in contract.file_records():
        if file_record(path, expected.file).sha256 != expected.sha256:
            raise InputError(
                f"damaged bundle: {path / expected.file} is not the file that was "
                "exported (its checksum differs)"
            )
    return Bundle(path, contract)
