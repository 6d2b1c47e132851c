"""A bundle checked against its contract: files, tensors, metadata, golden faces."""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from tf_sphereface.bundle.bundle import (
    Bundle,
    contract_content,
    contract_difference,
)
from tf_sphereface.bundle.contained_files import read_contained
from tf_sphereface.bundle.contract import BundleContract, checksum_file
from tf_sphereface.bundle.records import TensorRecord, Variant
from tf_sphereface.bundle.signatures import SIGNATURE_FILE, require_signature
from tf_sphereface.bundle.tflite_metadata import (
    STANDARD_ENTRY,
    FileMetadata,
    metadata_entries,
    read_metadata,
)
from tf_sphereface.data.photos.images import LARGEST_PHOTO
from tf_sphereface.deployment.checking.golden import golden_differences
from tf_sphereface.deployment.writing.model_card import MODEL_CARD_FILE
from tf_sphereface.errors import InputError
from tf_sphereface.files import is_clutter
from tf_sphereface.model_files import CONTRACT_FILE, bundle_folder


@dataclasses.dataclass(frozen=True)
class BundleCheck:
    """Differences between a bundle and its contract, and what was checked.

    Args:
        bundle: That was checked.
        files: Number of files whose checksum was compared.
        golden_faces: Number of faces that went from photo to embedding.
        differences: One line each; empty if all holds.
    """

    bundle: Bundle
    files: int
    golden_faces: int
    differences: tuple[str, ...]

    def intact_variants(self) -> list[str]:
        """Variants of which no file, tensor or metadata differs, nor the contract."""
        files = {name: v.file for name, v in self.bundle.contract.variants.items()}
        reported = {line.partition(":")[0] for line in self.differences}
        contract = {CONTRACT_FILE, checksum_file(Path(CONTRACT_FILE)).name}
        if reported & contract:
            return []
        return [name for name, file in files.items() if file not in reported]


def check_bundle(path: Path, trust: Path | None = None) -> BundleCheck:
    """Compares a bundle with its contract.

    Checksums tell accidents, not forgers: who can change the contract can change the
    checksum beside it. Of a contract whose own checksum differs, no network is run.

    Args:
        path: Folder of the bundle.
        trust: As for `load_bundle`.

    Raises: InputError if it is no bundle, its contract cannot be read, or it is not
        signed with the key of `trust`.
    """
    path = bundle_folder(path)
    content = contract_content(path)
    if trust is not None:
        require_signature(path, content, trust)
    contract = BundleContract.parse_file(content, path / CONTRACT_FILE)
    bundle, sums = Bundle(path, contract), _recorded_sums(contract)
    if told := contract_difference(path, content):
        differences = [told, *_file_differences(path, sums)]
        return BundleCheck(bundle, len(sums) + 1, 0, tuple(differences))
    differences = [*_file_differences(path, sums)]
    golden = _golden(bundle, differences)
    sums_of_pictures = golden.checksums if golden else {}
    pictures = {file: (sha256, None) for file, sha256 in sums_of_pictures.items()}
    differences += _file_differences(path, pictures)
    # Without the golden file nothing says which pictures belong to it.
    unnamed = None if golden else Path(contract.golden.file).parent
    differences += _unknown_files(path, {*sums, *pictures}, unnamed)
    if MODEL_CARD_FILE not in sums:
        differences.append(f"{MODEL_CARD_FILE}: the contract does not name it")
    for name in _intact(contract.variants, differences):
        differences += variant_differences(bundle, name)
    differences += _faces_of(bundle, golden, differences)
    files = len(sums) + len(pictures) + 1
    faces = len(golden.faces) if golden else 0
    return BundleCheck(bundle, files, faces, tuple(differences))


def variant_differences(bundle: Bundle, name: str) -> list[str]:
    """Differences of a variant's tensors and metadata from the contract."""
    record = bundle.contract.variants[name]
    try:
        embedder = bundle.embedder(name, threads=1, self_test=False)
        content = bundle.content(record)
        metadata, entries = read_metadata(content), metadata_entries(content)
    except InputError as error:
        return [f"{record.file}: {error}"]
    found = [
        *_tensor_differences("input", record.input, embedder.input_details),
        *_tensor_differences("output", record.output, embedder.output_details),
    ]
    if metadata is None:
        found.append("it has no metadata")
    else:
        expected = FileMetadata.of_contract(bundle.contract, name)
        found += _metadata_differences(record, expected, metadata)
        if entries.get(STANDARD_ENTRY) != expected.entries()[STANDARD_ENTRY]:
            found.append("its standard metadata is not what the contract says")
    return [f"{record.file}: {difference}" for difference in found]


def _recorded_sums(contract):
    return {
        record.file: (record.sha256, record.bytes) for record in contract.file_records()
    }


def _file_differences(path, sums):
    """Differences of files from their checksums and sizes."""
    for file, (sha256, size) in sums.items():
        if not os.path.lexists(path / file):
            yield f"{file}: missing"
            continue
        try:
            content = read_contained(
                path, file, LARGEST_PHOTO if size is None else size
            )
        except InputError as error:
            yield f"{file}: {error}"
            continue
        if hashlib.sha256(content).hexdigest() != sha256:
            yield f"{file}: its checksum differs"
        elif size not in (None, len(content)):
            yield f"{file}: its size differs"


def _golden(bundle, differences):
    file = bundle.contract.golden.file
    if any(line.startswith(f"{file}:") for line in differences):
        return None
    try:
        golden = bundle.golden
    except InputError as error:
        differences.append(f"{file}: {error}")
        return None
    return golden if golden.faces else None


def _unknown_files(path, known, unnamed):
    contract = path / CONTRACT_FILE
    known = {*known, contract.name, checksum_file(contract).name, SIGNATURE_FILE}
    present = (
        file.relative_to(path)
        for file in sorted(path.rglob("*"))
        if (file.is_symlink() or not file.is_dir()) and not is_clutter(file.name)
    )
    for file in present:
        if file.as_posix() not in known and file.parent != unnamed:
            yield f"{file.as_posix()}: the contract does not name it"


def _intact(variants: dict[str, Variant], differences):
    reported = {line.partition(":")[0] for line in differences}
    return [name for name, variant in variants.items() if variant.file not in reported]


def _faces_of(bundle, golden, differences):
    """Differences of the golden faces, with the files that are what they were."""
    contract = bundle.contract
    reported = {line.partition(":")[0] for line in differences}
    if not golden:
        return [f"golden faces: none could be checked ({contract.golden.file})"]
    if reported & {record.file for record in contract.detector.files.values()}:
        return ["golden faces: not checked, since the detector differs"]
    try:
        return golden_differences(
            bundle, golden, _intact(contract.variants, differences)
        )
    except InputError as error:
        return [f"golden faces: {error}"]


def _metadata_differences(variant, expected, found):
    found, expected = found.model_dump(mode="json"), expected.model_dump(mode="json")
    for field, right in expected.items():
        if field == "thresholds" and variant.calibration is not None:
            continue  # `calibrate` measures anew and leaves the file as it is
        if (said := found[field]) != right:
            yield f"its metadata says {field} {said!r}, the contract {right!r}"


def _tensor_differences(side: str, expected: TensorRecord, details: dict[str, Any]):
    scale, zero_point = details["quantization"]
    stored = expected.quantization
    pairs = {
        "name": (details["name"], expected.name),
        "dtype": (details["dtype"].__name__, expected.dtype),
        "shape": (tuple(map(int, details["shape_signature"])), expected.shape),
        "quantization": (
            (float(scale), int(zero_point)),
            (stored.scale, stored.zero_point) if stored else (0.0, 0),
        ),
    }
    for what, (found, right) in pairs.items():
        if found != right:
            yield f"its {side} has {what} {found}, the contract says {right}"
