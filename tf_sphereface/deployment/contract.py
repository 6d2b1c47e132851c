"""The contract of a bundle: all that a program needs to match faces as we measured."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    ValidationError,
    model_serializer,
    model_validator,
)

from tf_sphereface.deployment.calibration import Calibration, ContractPart
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.preprocessing import PixelContract

FORMAT_VERSION = 1
CONTRACT_FILE = "contract.json"


def _all_pixel_keys(value):
    # The dataclass has defaults and ignores other keys; a file must say everything.
    expected = {"height", "width", "channel_order", "mean", "scale"}
    if isinstance(value, dict) and set(value) != expected:
        raise ValueError(f"pixels must have exactly the keys {sorted(expected)}")
    if isinstance(value, dict):
        for key, low, high in (("mean", -1e3, 1e3), ("scale", 1e-3, 1e3)):
            if not isinstance(value[key], int | float) or not low <= value[key] <= high:
                raise ValueError(f"{key} must be between {low:g} and {high:g}")
    return value


def _inside_the_bundle(name):
    parts = str(name).split("/")
    if not all(parts) or "\\" in str(name) or {".", ".."} & set(parts):
        raise ValueError("a file must be named relative to the bundle, with '/'")
    return name


Pixels = Annotated[PixelContract, BeforeValidator(_all_pixel_keys)]
FileName = Annotated[str, BeforeValidator(_inside_the_bundle)]
Cosine = Annotated[FiniteFloat, Field(ge=-1.0001, le=1.0001)]
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]
Landmarks = Annotated[
    tuple[tuple[FiniteFloat, FiniteFloat], ...], Field(min_length=5, max_length=5)
]


class FileRecord(ContractPart):
    """A file of the bundle, by its path relative to the bundle's folder."""

    file: FileName
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)


class Quantization(ContractPart):
    """real = scale * (stored - zero_point), one pair for the whole tensor."""

    scale: Annotated[FiniteFloat, Field(gt=0)]
    zero_point: int


class TensorRecord(ContractPart):
    """Input or output of a TFLite file; `quantization` is None for float32."""

    name: str
    dtype: Literal["float32", "int8", "uint8"]
    shape: tuple[int, ...]
    quantization: Quantization | None


class Drift(ContractPart):
    """Cosines between the embeddings of the variant and of the Keras model."""

    mean_cosine: Cosine
    p01_cosine: Cosine
    min_cosine: Cosine
    crops: int = Field(ge=1)


class Verification(ContractPart):
    """1:1 verification measured with one variant; rates as fractions."""

    pairs: int = Field(ge=1)
    accuracy: Rate
    tar_at_far: dict[str, Rate]


class VariantMeasurement(ContractPart):
    """What a measurement gives for one variant.

    `thresholds` has "accuracy", the threshold of the best accuracy, and one key
    `threshold_key(far)` for each FAR: accept if score >= threshold.
    """

    verification: Verification
    thresholds: dict[str, FiniteFloat]


class Variant(FileRecord):
    """One TFLite file of the embedding network, with what was measured with it."""

    input: TensorRecord
    output: TensorRecord
    drift: Drift
    verification: Verification | None = None
    thresholds: dict[str, FiniteFloat] | None = None
    calibration: Calibration | None = None

    @model_serializer(mode="wrap")
    def _without_empty_calibration(self, write):
        # Readers that do not know the key refuse calibrated bundles only.
        content = write(self)
        if content.get("calibration", ...) is None:
            del content["calibration"]
        return content


class DetectorRecord(ContractPart):
    """P-Net, R-Net and O-Net, and the settings of the cascade around them."""

    files: dict[Literal["pnet", "rnet", "onet"], FileRecord]
    settings: dict[str, FiniteFloat | tuple[FiniteFloat, ...]]

    @model_validator(mode="after")
    def _all_three_in_one_folder(self):
        if set(self.files) != {"pnet", "rnet", "onet"}:
            raise ValueError("`files` must name pnet, rnet and onet")
        if len({record.file.rpartition("/")[0] for record in self.files.values()}) > 1:
            raise ValueError("`files` must lie in one folder")
        return self


class _Document(ContractPart):
    format_version: Literal[FORMAT_VERSION] = FORMAT_VERSION
    library_version: str
    pixels: Pixels
    embedding_dim: int = Field(ge=1)

    def write(self, path: Path) -> None:
        """Writes the contract as JSON; the file is whole or unchanged."""
        content = self.model_dump(mode="json")
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: Path):
        """Reads a contract that `write` wrote.

        Raises: InputError if the file is missing, damaged, of another format version,
            or has a key that this version does not know.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise InputError(f"no such contract: {path}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(
                f"damaged contract: {path} ({place}: {first['msg']})"
            ) from error


class BundleContract(_Document):
    """`contract.json` of a bundle.

    `landmark_template` holds the five x,y pixels, the first pixel at 0, where the
    similarity warp puts the landmarks in the crop. With `mirror`, the feature of a face
    is the embedding of the crop followed by the embedding of its mirror image; without
    it, the embedding alone. A score is the cosine of two features.
    """

    landmark_template: Landmarks
    mirror: bool
    detector: DetectorRecord
    variants: dict[str, Variant] = Field(min_length=1)
    default_variant: str
    golden: FileRecord

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
    def _default_exists(self):
        if self.default_variant not in self.variants:
            raise ValueError(f"no variant {self.default_variant!r} for the default")
        return self

    def file_records(self) -> list[FileRecord]:
        """Every file that a checksum is kept of."""
        return [*self.variants.values(), *self.detector.files.values(), self.golden]


class SavedModelContract(_Document):
    """`contract.json` in a SavedModel's folder.

    The signature `serving_default` takes `input`, float32 (batch, height, width, 3),
    normalised by `pixels`, and gives `output`, float32 (batch, embedding_dim).
    """

    kind: Literal["saved_model"] = "saved_model"
    input: str
    output: str
    drift: Drift


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
