"""The bundle: a folder with all that a phone needs to match faces."""

import os
from functools import cached_property
from pathlib import Path

from tf_sphereface.bundle.contained_files import read_contained, read_recorded
from tf_sphereface.bundle.contract import (
    BundleContract,
    checksum_file,
    checksum_line,
)
from tf_sphereface.bundle.golden import GoldenFaces
from tf_sphereface.bundle.records import FileRecord, Variant
from tf_sphereface.bundle.signatures import require_signature, sign
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.detection import EARLIER_RULES, MTCNN, MTCNNSettings, load_detector
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.networks import require_runnable
from tf_sphereface.model_files import CONTRACT_FILE, bundle_folder

_MOST_CONTRACT_BYTES = 4 * 2**20  # one of five variants has 30 kB
# Exports have 0.7; a smallest face of 20 pixels at SphereFace's factor of 0.85 has 1.3.
_MOST_LEVELS_AREA = 1.5


class Bundle:
    """A bundle whose files are those that its contract names.

    Files are compared with the contract again whenever they are used: the bytes that
    were compared are those that run.

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

    def content(self, record: FileRecord) -> bytes:
        """Content of a file that the contract names.

        Raises: InputError if it is missing, changed or no regular file.
        """
        return read_recorded(self.path, record)

    def network(self, record: FileRecord) -> bytes:
        """Content of a TFLite file, after another process has run it.

        Raises: InputError as `content` and `require_runnable`.
        """
        content = self.content(record)
        require_runnable(content, self.path / record.file)
        return content

    @cached_property
    def golden(self) -> GoldenFaces:
        """The faces that any runtime must compute again.

        Raises: InputError if their file is missing, changed or damaged.
        """
        record = self.contract.golden
        return GoldenFaces(self.path, record.file, self.content(record))

    def embedder(
        self,
        variant: str | None = None,
        threads: int | None = None,
        self_test: bool = True,
    ) -> TFLiteEmbedder:
        """The embedding network, ready to use.

        Args:
            variant: Its name; None is the default variant.
            threads: As for `TFLiteEmbedder`.
            self_test: Embed the first golden face. A runtime that does not know how a
                file is quantised may load it and compute other numbers.

        Raises: InputError if there is no such variant, its file is not the one of the
            contract, or the embedding is not the stored one.
        """
        name = self.contract.default_variant if variant is None else variant
        record, contract = self.variant(name), self.contract
        path = self.path / record.file
        embedder = TFLiteEmbedder(
            path, contract.pixels, threads, contract.feature, self.network(record)
        )
        expected = contract.feature.output_dim(contract.embedding_dim)
        if embedder.embedding_dim != expected:
            raise InputError(
                f"damaged bundle: {path} gives {embedder.embedding_dim} numbers, the "
                f"contract says {expected}"
            )
        if self_test:
            self._require_same_embedding(name, embedder)
        return embedder

    def _require_same_embedding(self, name, embedder):
        if not self.golden.faces:
            raise InputError(f"damaged bundle: {self.path} has no golden face")
        difference = self.golden.embedding_difference(
            self.golden.faces[0], name, self.variant(name).drift, embedder
        )
        if difference:
            raise InputError(
                f"{self.path / self.variant(name).file} gives other numbers here than "
                f"where it was exported: of its first golden face {difference}; update "
                "ai-edge-litert, or choose another variant"
            )

    @property
    def detector_settings(self) -> MTCNNSettings:
        """Settings of the bundle's own face detector.

        Raises: InputError if they are unusable.
        """
        try:
            said = EARLIER_RULES | self.contract.detector.settings
            settings = MTCNNSettings(**said)
            looks = filter(None, (settings, settings.second_look))
            area = max(look.levels_area for look in looks)
            if area > _MOST_LEVELS_AREA:
                raise ValueError(
                    "the pyramid levels of `smallest_face` and `pyramid_factor` have "
                    f"{area:.1f} times the pixels of the photo"
                )
            return settings
        except (TypeError, ValueError) as error:
            raise InputError(
                f"detector settings of {self.path} are unusable: {error}"
            ) from error

    @cached_property
    def _networks(self) -> dict[str, bytes]:
        files = self.contract.detector.files
        return {name: self.network(record) for name, record in files.items()}

    def detector(self, threads: int = 1) -> MTCNN:
        """The bundle's own face detector.

        Raises: InputError if its settings or files are unusable.
        """
        return load_detector(self._networks, self.detector_settings, threads)


def load_bundle(path: Path, trust: Path | None = None) -> Bundle:
    """Opens a bundle: the only way from a folder to networks and thresholds.

    The contract is compared with its checksum, every file with the contract. That tells
    accidents; forgers are told by a signature alone.

    Args:
        path: Folder of the bundle.
        trust: File of the public key that must have signed it; None asks for no
            signature.

    Raises: InputError if the folder is no bundle; a file is missing, changed or no
        regular one; or the signature is not of that key.
    """
    path = bundle_folder(path)
    content = contract_content(path)
    if trust is not None:
        require_signature(path, content, trust)
    return _opened(path, content)


def sign_bundle(path: Path, key_file: Path) -> Path:
    """Signs a bundle that is whole.

    Args:
        path: Folder of the bundle.
        key_file: Private key of Ed25519, as `make_key` makes one.

    Returns: The file with the signature, in the bundle.
    Raises: InputError as `load_bundle`, or if the key is none; OSError if the folder is
        not writable.
    """
    path = bundle_folder(path)
    content = contract_content(path)
    _opened(path, content)
    return sign(path, content, key_file)


def _opened(path, content):
    if difference := contract_difference(path, content):
        raise InputError(
            f"damaged bundle: {path}: {difference}; copy or export it again"
        )
    bundle = Bundle(path, BundleContract.parse_file(content, path / CONTRACT_FILE))
    for record in bundle.contract.file_records():
        bundle.content(record)
    _ = bundle.detector_settings  # raises what is wrong with them
    return bundle


def contract_content(path: Path) -> bytes:
    """Content of a bundle's contract; nothing vouches for it yet.

    Raises: InputError if there is none, or it is no regular file.
    """
    return read_contained(path, CONTRACT_FILE, _MOST_CONTRACT_BYTES)


def contract_difference(path: Path, content: bytes) -> str | None:
    """Difference between a contract and the checksum beside it, in a line.

    Args:
        path: Folder of the bundle.
        content: Of its contract.

    Raises: InputError if the checksum's file is no regular one.
    """
    checksum, expected = checksum_file(path / CONTRACT_FILE), checksum_line(content)
    if not os.path.lexists(checksum):
        return f"{checksum.name}: missing"
    if read_contained(path, checksum.name, 1024) != expected:
        return f"{CONTRACT_FILE}: its checksum differs from {checksum.name}"
    return None
