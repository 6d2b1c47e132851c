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
    model_validator,
)

from tf_sphereface.bundle.calibration import ContractPart
from tf_sphereface.bundle.records import (
    DetectorRecord,
    Drift,
    FileRecord,
    GraphRecord,
    ModelRecord,
    SampleRecord,
    Variant,
)
from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of, write_atomically
from tf_sphereface.preprocessing import PixelContract

FORMAT_VERSION = 2
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


# What `_all_pixel_keys` and the dataclass check, for readers that have the schema only.
_PIXEL_SCHEMA = {
    "required": ["height", "width", "channel_order", "mean", "scale"],
    "unevaluatedProperties": False,
    "properties": {
        "height": {"minimum": 1},
        "width": {"minimum": 1},
        "channel_order": {"enum": ["RGB", "BGR"]},
        "mean": {"minimum": -1e3, "maximum": 1e3},
        "scale": {"minimum": 1e-3, "maximum": 1e3},
    },
}
Pixels = Annotated[
    PixelContract,
    BeforeValidator(_all_pixel_keys),
    Field(json_schema_extra=_PIXEL_SCHEMA),
]
Mirror = Literal["none", "concat", "mean"]
Landmarks = Annotated[
    tuple[tuple[FiniteFloat, FiniteFloat], ...], Field(min_length=5, max_length=5)
]


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
            for detail in error.errors(include_url=False):
                if detail["loc"] == ("format_version",):
                    raise InputError(
                        f"the contract has format version {detail['input']!r}, this "
                        f"library reads {FORMAT_VERSION}: export again ({path})"
                    ) from error
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(
                f"damaged contract: {path} ({place}: {first['msg']})"
            ) from error


class BundleContract(_Document):
    """`contract.json` of a bundle.

    A score is the cosine of two features; two faces are taken for one person if it is
    at least the threshold of the variant and FAR in use.

    Args:
        format_version: Of this file.
        library_version: Version of tf_sphereface that wrote it.
        pixels: How a crop becomes the input of the network.
        embedding_dim: Length of the embedding of one image.
        model: The model that was exported.
        landmark_template: x,y pixels, the first pixel at 0, where the similarity warp
            puts the five landmarks in the crop: eyes, nose tip, mouth corners, left
            and right as seen in the picture.
        mirror: The feature of a face is the embedding of the crop ("none"), that
            followed by the embedding of the mirror image ("concat"), or the mean of
            the two ("mean").
        graph: What of this the TFLite files do themselves.
        detector: The face detector.
        variants: TFLite files of the same network, by name.
        default_variant: The one to take if nobody asks for another.
        samples: The crops that the variants were compared on.
        golden: Faces to test a program with: what it must find and compute.
        documents: Other files of the bundle, by name.
    """

    model: ModelRecord
    landmark_template: Landmarks
    mirror: Mirror
    graph: GraphRecord
    detector: DetectorRecord
    variants: dict[str, Variant] = Field(min_length=1)
    default_variant: str
    samples: SampleRecord
    golden: FileRecord
    documents: dict[str, FileRecord] = {}

    def write(self, path: Path) -> None:
        """Writes the contract, and beside it its SHA-256 as `sha256sum` writes it."""
        super().write(path)
        checksum = f"{sha256_of(path)}  {path.name}\n"
        write_atomically(checksum_file(path), checksum.encode())

    @property
    def feature_dim(self) -> int:
        """Length of a feature, int."""
        return self.embedding_dim * (2 if self.mirror == "concat" else 1)

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
        networks = [
            record
            for variant in self.detector.variants.values()
            for record in variant.files.values()
        ]
        return [
            *self.variants.values(),
            *networks,
            self.golden,
            *self.documents.values(),
        ]


class SavedModelContract(_Document):
    """`contract.json` in a SavedModel's folder.

    `signatures` tells input and output of each signature, by name; all give the whole
    feature, float32 (batch, feature_dim) of length 1. `mirror` says what a feature is,
    as in `BundleContract`. `drift` is that of the signature that drifts most.
    """

    kind: Literal["saved_model"] = "saved_model"
    mirror: Mirror
    signatures: dict[str, dict[str, str]]
    drift: Drift

    @property
    def feature_dim(self) -> int:
        """Length of a feature, int."""
        return self.embedding_dim * (2 if self.mirror == "concat" else 1)


class OnnxContract(_Document):
    """What an ONNX file carries as its metadata `contract`.

    `graph` says what the file does itself, by `mirror` what a feature is, as in
    `BundleContract`; without `graph.pixels` the input is float32, normalised by
    `pixels`.
    """

    kind: Literal["onnx"] = "onnx"
    mirror: Mirror
    graph: GraphRecord
    input: str
    output: str
    drift: Drift


def checksum_file(path: Path) -> Path:
    """Where the checksum of a contract lies; nothing else keeps one of it."""
    return path.with_name(f"{path.name}.sha256")


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
