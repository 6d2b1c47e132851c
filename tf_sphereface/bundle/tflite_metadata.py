"""Metadata inside a TFLite file, so that the file alone says what its pixels must be.

Two entries: "TFLITE_METADATA", the standard that phones' tools read, and
"tf_sphereface", JSON with what the standard has no place for.
"""

import struct
from typing import ClassVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from pydantic import ValidationError

from tf_sphereface.bundle.calibration import Thresholds
from tf_sphereface.bundle.contract import (
    BundleContract,
    Document,
    LandmarkFit,
    Landmarks,
)
from tf_sphereface.bundle.records import INPUT_NAME, OUTPUT_NAME
from tf_sphereface.bundle.tflite_metadata_tables import (
    ImageInput,
    ModelTables,
    metadata_flatbuffer,
)
from tf_sphereface.errors import InputError
from tf_sphereface.runtimes.tflite_graph import packed

STANDARD_ENTRY, OWN_ENTRY = "TFLITE_METADATA", "tf_sphereface"
_FILE_IDENTIFIER = b"TFL3"
_LARGEST = 2**31  # bytes; the offsets of a flatbuffer are signed 32-bit numbers


class FileMetadata(Document):
    """The description of a network that is stored in its TFLite file."""

    _earlier_version: ClassVar[int] = 1  # of the metadata in bundles of format 2

    name: str
    """Name of the network, such as "mobilefacenet"."""
    variant: str
    """Name of the variant, such as "int8"."""
    landmark_template: Landmarks
    """Places of the five landmarks in the crop, as in the contract."""
    landmark_fit: LandmarkFit = "crop"
    """Pixels of the least squares, as in the contract."""
    licence: str | None = None
    """Terms of use, as the exporter gave them; None if not given."""
    thresholds: Thresholds | None = None
    """Thresholds of the export; later ones in a bundle's `contract.json` count."""

    @classmethod
    def of_contract(cls, contract: BundleContract, variant: str) -> "FileMetadata":
        """The metadata of a variant's file, by the contract of its bundle."""
        return cls(
            library_version=contract.library_version,
            name=contract.model.name,
            variant=variant,
            pixels=contract.pixels,
            landmark_template=contract.landmark_template,
            landmark_fit=contract.landmark_fit,
            feature=contract.feature,
            embedding_dim=contract.embedding_dim,
            licence=contract.model.licence,
            thresholds=contract.variants[variant].thresholds,
        )

    def entries(self) -> dict[str, bytes]:
        """The metadata entries of the file, by name."""
        return {
            STANDARD_ENTRY: metadata_flatbuffer(_tables(self)),
            OWN_ENTRY: self.model_dump_json().encode(),
        }


def with_metadata(content: bytes, metadata: FileMetadata) -> bytes:
    """The file with its metadata, in place of what it had of the two entries.

    Weights and graph are not touched, but for the names of the input and output
    tensors, which become those of the signature. Equal vectors are written once; every
    buffer begins at a multiple of 16 bytes. The same file and metadata give the same
    bytes.

    Args:
        content: Of a TFLite file.
        metadata: The metadata to store.

    Raises: InputError if the content is no TFLite file, or has 2 GB or more.
    """
    model = _unpacked(content)
    _take_in_weights(model, content)
    _name_ends(model)
    entries = metadata.entries()
    model.metadata, model.buffers = _without(model, entries)
    for name, data in entries.items():
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer = name, len(model.buffers)
        buffer.data = np.frombuffer(data, np.uint8)
        model.metadata.append(entry)
        model.buffers.append(buffer)
    return packed(model)


def read_metadata(content: bytes) -> FileMetadata | None:
    """The metadata of a TFLite file; None if it has no entry of ours.

    Raises: InputError if the content is no TFLite file, or the entry is damaged.
    """
    own = metadata_entries(content).get(OWN_ENTRY)
    if own is None:
        return None
    try:
        return FileMetadata.parse(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "entry"
        raise InputError(
            f"damaged metadata in a TFLite file ({place}: {first['msg']})"
        ) from error


def metadata_entries(content: bytes) -> dict[str, bytes]:
    """Every metadata entry of a TFLite file, by name; of equal names the first.

    Raises: InputError if the content is no TFLite file.
    """
    _check_identifier(content)
    entries = {}
    try:
        model = schema.Model.GetRootAs(content)
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            name = entry.Name().decode()
            # A vector that is not there is given as the number 0.
            entries.setdefault(name, np.asarray(data, np.uint8).tobytes())
    except _BROKEN as error:
        raise InputError(f"damaged TFLite file ({error})") from error
    return entries


# Errors of the readers of flatbuffers on offsets that lead nowhere.
_BROKEN = (struct.error, IndexError, ValueError, TypeError, AttributeError)


def _check_identifier(content):
    if len(content) < 8 or content[4:8] != _FILE_IDENTIFIER:
        raise InputError("not a TFLite file: it does not begin as one")


def _unpacked(content):
    _check_identifier(content)
    try:
        model = schema.ModelT.InitFromPackedBuf(bytes(content))
    except _BROKEN as error:
        raise InputError(f"damaged TFLite file ({error})") from error
    model.metadata = model.metadata or []
    return model


def _name_ends(model):
    """Gives the tensors at both ends the names that the signature has for them."""
    for signature in model.signatureDefs or ():
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        for end in (*signature.inputs, *signature.outputs):
            tensors[end.tensorIndex].name = end.name


def _take_in_weights(model, content):
    """Puts weights that lie behind the flatbuffer into it, as most readers expect."""
    if len(content) >= _LARGEST:
        raise InputError("metadata cannot be added to a TFLite file of 2 GB or more")
    for buffer in model.buffers:
        if buffer.offset > 1:
            end = buffer.offset + buffer.size
            if end > len(content):
                raise InputError("damaged TFLite file: it ends within its weights")
            buffer.data = np.frombuffer(content[buffer.offset : end], np.uint8)
        buffer.offset = buffer.size = 0


def _without(model, names):
    """Metadata and buffers of a model, less the entries of these names.

    Buffers are known by their numbers, so that only the last ones can be taken away:
    that is where `with_metadata` has put them.
    """
    kept, buffers = list(model.metadata), list(model.buffers)
    ours = {entry.buffer: entry for entry in kept if entry.name.decode() in names}
    kept = [entry for entry in kept if entry not in ours.values()]
    while len(buffers) - 1 in ours:
        buffers.pop()
    return kept, buffers


def _tables(metadata):
    pixels, feature = metadata.pixels, metadata.feature
    raw = "pixels" in feature.inside
    size = f"{pixels.height} x {pixels.width} pixels (height x width)"
    if raw:
        taken = f"One aligned face, RGB, {size}, 0..255; normalised inside."
    else:
        taken = (
            f"One aligned face, {pixels.channel_order}, {size}, as {pixels.arithmetic}."
        )
    image = ImageInput(
        name=INPUT_NAME,
        description=taken,
        height=pixels.height,
        width=pixels.width,
        rgb=raw or pixels.channel_order == "RGB",
        mean=0.0 if raw else pixels.mean,
        std=1.0 if raw else pixels.scale,
    )
    length = "of length 1" if "l2" in feature.inside else "not L2-normalised"
    width = feature.output_dim(metadata.embedding_dim)
    return ModelTables(
        name=metadata.name,
        description=(
            f"Face embedding, variant {metadata.variant}. Align the face and compare "
            "embeddings by their cosine as the metadata entry "
            f'"{OWN_ENTRY}" (JSON) says.'
        ),
        version=metadata.library_version,
        licence=metadata.licence,
        image=image,
        output_name=OUTPUT_NAME,
        output_description=f"{width} numbers, {length}.",
    )
