"""manifest.json of a record folder: what its shards hold, and if they are whole."""

from pathlib import Path
from typing import Literal

import pydantic

from tf_sphereface.data.records.frames import find_damage, record_spans
from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of
from tf_sphereface.geometry import CropGeometry

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1


class CropContract(pydantic.BaseModel, extra="forbid", frozen=True):
    """Description of the crops: fields of `PixelContract` and the landmark template.

    Args:
        height: Rows, pixels.
        width: Columns, pixels.
        channel_order: Order of the decoded channels.
        mean: Subtracted from the pixel value 0..255 before training.
        scale: Divides the difference.
        template: Five x,y pixels, 0-based, where the landmarks lie in the crop.
        fit: Where the least squares of the landmarks were taken.
    """

    height: int = pydantic.Field(ge=1)
    width: int = pydantic.Field(ge=1)
    channel_order: Literal["RGB", "BGR"]
    mean: float
    scale: float = pydantic.Field(gt=0)
    template: list[tuple[float, float]] = pydantic.Field(min_length=5, max_length=5)
    fit: Literal["crop", "photo"] = "crop"

    @property
    def geometry(self) -> CropGeometry:
        """Size, template and fit of the crops."""
        return CropGeometry(self.height, self.width, self.template, self.fit)


class Shard(pydantic.BaseModel, extra="forbid", frozen=True):
    """One file of records.

    Args:
        name: File name in the record folder.
        records: Number of faces.
        bytes: Size of the file.
        sha256: Checksum of the file, hexadecimal.
    """

    name: str = pydantic.Field(pattern=r"^[^/\\]+\.tfrecord$")
    records: int = pydantic.Field(ge=1)
    bytes: int = pydantic.Field(ge=1)
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")


class RecordManifest(pydantic.BaseModel, extra="forbid", frozen=True):
    """Description of a folder of records.

    Args:
        format_version: Of this file and of the records.
        library_version: Of the tf_sphereface that wrote them.
        records: Number of faces in all shards.
        identities: Names in label order: identities[k] has label k.
        images_per_identity: Number of faces of each identity.
        seed: Of the shuffle.
        crop: What the crops are.
        detector: Settings of the detector that aligned the faces; None if unknown.
        shards: The files.
    """

    format_version: Literal[1]
    library_version: str
    records: int = pydantic.Field(ge=1)
    identities: list[str] = pydantic.Field(min_length=1)
    images_per_identity: list[int]
    seed: int
    crop: CropContract
    detector: dict | None
    shards: list[Shard] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _counts_agree(self):
        if len(set(self.identities)) != len(self.identities):
            raise ValueError("an identity occurs twice")
        if len(self.images_per_identity) != len(self.identities):
            raise ValueError("images_per_identity and identities differ in length")
        if sum(self.images_per_identity) != self.records:
            raise ValueError("images_per_identity does not add up to records")
        if sum(shard.records for shard in self.shards) != self.records:
            raise ValueError("the shards do not add up to records")
        return self


def read_manifest(records: Path) -> RecordManifest:
    """Reads and checks manifest.json of a record folder.

    Raises: InputError if it is missing, damaged or of another version.
    """
    path = records / MANIFEST_NAME
    try:
        return RecordManifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"not a record folder (no {MANIFEST_NAME}): {records}; "
            "make one with `sphereface records`"
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(f"damaged manifest: {path} ({reason})") from error


def shard_paths(records: Path) -> list[Path]:
    """The shard files of a record folder, in order, for TensorFlow to read.

    Sizes and the lengths of all records are compared: TensorFlow takes up the memory
    that a length asks for, whatever the file's own.

    Raises: InputError if the manifest is damaged, or a shard is missing, of another
        size or of other records; it says at which byte the records break off.
    """
    paths = []
    for shard in read_manifest(records).shards:
        path = records / shard.name
        if not path.is_file():
            raise InputError(f"missing shard: {path}")
        size, count = path.stat().st_size, sum(1 for _ in record_spans(path))
        if size != shard.bytes:
            kind = "truncated" if size < shard.bytes else "damaged"
            raise InputError(f"{kind} shard: {path} ({size} bytes of {shard.bytes})")
        if count != shard.records:
            raise InputError(
                f"damaged shard: {path} ({count} records of {shard.records})"
            )
        paths.append(path)
    return paths


def verify_records(records: Path) -> RecordManifest:
    """Compares every shard with its checksum.

    Returns: The manifest.
    Raises: InputError that names the first missing, truncated or damaged shard, and
        at which byte if that can be told.
    """
    manifest = read_manifest(records)
    for path, shard in zip(shard_paths(records), manifest.shards, strict=True):
        if sha256_of(path) != shard.sha256:
            find_damage(path)  # raises where it is
            raise InputError(f"damaged shard: {path} (its checksum is another)")
    return manifest
