"""The contract of a bundle: all that a program needs to match faces as measured."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from tf_sphereface.bundle.calibration import ContractPart
from tf_sphereface.bundle.plain_json import require_plain_json
from tf_sphereface.bundle.records import (
    DetectorRecord,
    Drift,
    FeatureRecord,
    FileRecord,
    ModelRecord,
    SampleRecord,
    Variant,
)
from tf_sphereface.bundle.upgrade import upgraded
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.preprocessing import PixelContract

FORMAT_VERSION = 3
_MOST_BYTES = 4 * 2**30  # of all files of a bundle: they are read whole to be compared


def _all_pixel_keys(value):
    # The dataclass has defaults and ignores other keys; a file must say everything.
    expected = {"height", "width", "channel_order", "mean", "scale"}
    if isinstance(value, dict) and set(value) != expected:
        raise ValueError(f"pixels must have exactly the keys {sorted(expected)}")
    if isinstance(value, dict):
        for key, low, high in (("mean", -1e3, 1e3), ("scale", 1e-3, 1e3)):
            each = value[key] if isinstance(value[key], list) else [value[key]]
            if not all(isinstance(x, int | float) and low <= x <= high for x in each):
                raise ValueError(f"{key} must be between {low:g} and {high:g}")
            if isinstance(value[key], list):  # strict types know lists in JSON only
                value = {**value, key: tuple(value[key])}
    return value


def _number_or_three(low, high, description):
    number = {"type": "number", "minimum": low, "maximum": high}
    of_channels = {"type": "array", "items": number, "minItems": 3, "maxItems": 3}
    return {"anyOf": [number, of_channels], "description": description}


# The rules of `_all_pixel_keys` and the dataclass, for readers of the schema.
_PIXEL_SCHEMA = {
    "type": "object",
    "description": "(pixel - mean) / scale of an RGB crop, in the channel order.",
    "properties": {
        "height": {
            "type": "integer",
            "minimum": 1,
            "description": "Height of the crop, pixels.",
        },
        "width": {
            "type": "integer",
            "minimum": 1,
            "description": "Width of the crop, pixels.",
        },
        "channel_order": {
            "enum": ["RGB", "BGR"],
            "description": "Order of the channels in the network's input.",
        },
        "mean": _number_or_three(
            -1e3,
            1e3,
            "Subtracted from pixels 0..255; three are of the channels in their order.",
        ),
        "scale": _number_or_three(1e-3, 1e3, "Divides the difference; likewise."),
    },
    "required": ["height", "width", "channel_order", "mean", "scale"],
    "additionalProperties": False,
}
Pixels = Annotated[
    PixelContract,
    BeforeValidator(_all_pixel_keys),
    WithJsonSchema(_PIXEL_SCHEMA),
]
_Pixel = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
Landmarks = Annotated[
    tuple[tuple[_Pixel, _Pixel], ...], Field(min_length=5, max_length=5)
]

LandmarkFit = Literal["crop", "photo"]


class Document(ContractPart):
    """Common part of contracts and of the metadata in a TFLite file."""

    _earlier_version: ClassVar[int] = 2  # that is read too

    format_version: Literal[FORMAT_VERSION] = FORMAT_VERSION
    """Version of this document's form."""
    library_version: str
    """Version of tf_sphereface that wrote it."""
    pixels: Pixels
    """Map from a crop to the input of the network."""
    embedding_dim: int = Field(ge=1)
    """Length of the embedding of one image."""
    feature: FeatureRecord
    """The feature of a face, and the steps to it that the files do themselves."""

    @property
    def feature_dim(self) -> int:
        """Length of a feature, int."""
        return self.feature.feature_dim(self.embedding_dim)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Reads JSON of the present format version, or of the one before.

        Types are strict: "-1" and true are no numbers.

        Raises: pydantic.ValidationError if it is damaged or of another version.
        """
        try:
            require_plain_json(content)
        except ValueError as error:
            reason = PydanticCustomError("json", "{reason}", {"reason": str(error)})
            raise ValidationError.from_exception_data(
                cls.__name__, [InitErrorDetails(type=reason, input=None)]
            ) from error
        return cls.model_validate_json(cls.upgraded(content), strict=True)

    @classmethod
    def upgraded(cls, content: bytes) -> bytes:
        """JSON in the present format version, not validated."""
        return upgraded(content, cls._earlier_version, FORMAT_VERSION)

    def write(self, path: Path) -> None:
        """Writes the contract as JSON; the file is whole or unchanged."""
        content = self.model_dump(mode="json")
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a contract that `write` wrote; nothing vouches for it.

        Raises: InputError if the file is missing, or as `parse_file`.
        """
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise InputError(f"no such contract: {path}") from error
        return cls.parse_file(content, path)

    @classmethod
    def parse_file(cls, content: bytes, path: Path) -> Self:
        """Reads the content of the file at `path`, which errors name.

        Raises: InputError if it is damaged, of another format version, or has a key
            that this version does not know.
        """
        try:
            return cls.parse(content)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if detail["loc"] == ("format_version",):
                    raise InputError(
                        f"the contract has format version {detail['input']!r}, this "
                        f"library reads {cls._earlier_version} and "
                        f"{FORMAT_VERSION}: export again ({path})"
                    ) from error
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(
                f"damaged contract: {path} ({place}: {first['msg']})"
            ) from error


class BundleContract(Document):
    """`contract.json` of a bundle.

    A score is the cosine of two features; two faces are taken for one person if it is
    at least the threshold of the variant and FAR in use.
    """

    model: ModelRecord
    """The model that was exported."""
    landmark_template: Landmarks
    """Places of the five landmarks in the crop, x,y pixels, the first pixel at 0: eyes,
    nose tip, mouth corners, left and right as seen in the picture.
    """
    landmark_fit: LandmarkFit = "crop"
    """Pixels in which the similarity from a face's landmarks to the template leaves the
    least squares: those of the crop, or those of the photo.
    """
    detector: DetectorRecord
    """The face detector."""
    variants: dict[str, Variant] = Field(min_length=1)
    """TFLite files of the same network, by name."""
    default_variant: str
    """Name of the variant to take if nobody asks for another."""
    samples: SampleRecord
    """The crops that the variants were compared on."""
    golden: FileRecord
    """Faces to test a program with, and the results that it must reproduce."""
    documents: dict[str, FileRecord] = {}
    """Other files of the bundle, by name."""

    @property
    def crop(self) -> CropGeometry:
        """Size, template and fit of the crops.

        Raises: ValueError as `CropGeometry`.
        """
        return CropGeometry(
            self.pixels.height,
            self.pixels.width,
            self.landmark_template,
            self.landmark_fit,
        )

    def write(self, path: Path) -> None:
        """Writes the contract, and beside it its SHA-256 as `sha256sum` writes it."""
        super().write(path)
        write_atomically(checksum_file(path), checksum_line(path.read_bytes()))

    @model_validator(mode="after")
    def _template_is_a_face_in_the_crop(self):
        xs, ys = zip(*self.landmark_template, strict=True)
        inside = min(xs + ys) >= 0 and max(xs) < self.pixels.width
        left_eye, right_eye, _, left_mouth, right_mouth = self.landmark_template
        upright = left_eye[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        if not (inside and max(ys) < self.pixels.height and upright):
            raise ValueError("`landmark_template` must be a face inside the crop")
        return self

    @model_validator(mode="after")
    def _bytes_are_bounded(self):
        if sum(record.bytes for record in self.file_records()) > _MOST_BYTES:
            raise ValueError(f"all files must have {_MOST_BYTES} bytes at most")
        return self

    @model_validator(mode="after")
    def _default_exists(self):
        if self.default_variant not in self.variants:
            raise ValueError(f"no variant {self.default_variant!r} for the default")
        return self

    def file_records(self) -> list[FileRecord]:
        """Records of all files that a checksum is kept of."""
        return [
            *self.variants.values(),
            *self.detector.files.values(),
            self.golden,
            *self.documents.values(),
        ]


class SavedModelContract(Document):
    """`contract.json` in a SavedModel's folder.

    All signatures give the whole feature, float32 (batch, feature_dim) of length 1.
    """

    kind: Literal["saved_model"] = "saved_model"
    """Kind of the export."""
    signatures: dict[str, dict[str, str]]
    """Names of input and output of each signature, by its name."""
    drift: Drift
    """Drift of the signature that drifts most."""


class OnnxContract(Document):
    """The metadata `contract` of an ONNX file.

    Unless "pixels" is inside, the input is float32, normalised by `pixels`.
    """

    kind: Literal["onnx"] = "onnx"
    """Kind of the export."""
    input: str
    """Name of the input."""
    output: str
    """Name of the output."""
    drift: Drift
    """Cosines between the embeddings of the file and of the Keras model."""


def checksum_file(path: Path) -> Path:
    """The file with the checksum of a contract; nothing else keeps one of it."""
    return path.with_name(f"{path.name}.sha256")


def checksum_line(contract: bytes) -> bytes:
    """Content of that file, as `sha256sum contract.json` prints it.

    Args:
        contract: Content of contract.json.
    """
    return f"{hashlib.sha256(contract).hexdigest()}  {CONTRACT_FILE}\n".encode()


def threshold_key(far: float) -> str:
    """The key of a FAR in `thresholds`: 0.001 gives "far_0.001"."""
    return f"far_{far:g}"


def file_record(directory: Path, file: str) -> FileRecord:
    """Size and SHA-256 of `directory / file`.

    Raises: InputError if the file is missing.
    """
    digest, path = hashlib.sha256(), directory / file
    try:
        with open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
            return FileRecord(file=file, sha256=digest.hexdigest(), bytes=stream.tell())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(f"the bundle lacks a file: {path}") from error
