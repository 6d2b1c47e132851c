"""The records of a contract: files, tensors and measurements."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FiniteFloat,
    model_validator,
)

from tf_sphereface.bundle.calibration import (
    NO_OTHERS,
    Calibration,
    ContractPart,
    Cosine,
    ThresholdKey,
    Thresholds,
)
from tf_sphereface.detection import LANDMARK_RULES

# Names of the input and the output of every exported graph.
INPUT_NAME, OUTPUT_NAME = "aligned_face", "embedding"

_VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+$"
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]


def _inside_the_bundle(name):
    parts = str(name).split("/")
    if not all(parts) or {"\\", "\0"} & set(str(name)) or {".", ".."} & set(parts):
        raise ValueError("a file must be named relative to the bundle, with '/'")
    return name


# The pattern says the same as the validator, to readers that have the schema only.
FileName = Annotated[
    str,
    BeforeValidator(_inside_the_bundle),
    Field(json_schema_extra={"pattern": r"^(?!.*(^|/)\.{0,2}(/|$))[^\\\x00]+$"}),
]


class FileRecord(ContractPart):
    """A file of the bundle."""

    file: FileName
    """Path relative to the bundle's folder, with "/"."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of its content, hexadecimal."""
    bytes: int = Field(ge=1)
    """Size in bytes."""


class Quantization(ContractPart):
    """real = scale * (stored - zero_point), one pair for the whole tensor."""

    scale: Annotated[FiniteFloat, Field(gt=0)]
    """Real value of a step of the stored integer."""
    zero_point: int
    """The integer that stands for 0."""


class LayerLoss(ContractPart):
    """Noise of a layer's output: power of the error over power of the float output."""

    layer: str
    """Name of the layer."""
    noise: Annotated[FiniteFloat, Field(ge=0)]
    """Noise after the layer, of all quantisation up to it."""
    added: FiniteFloat
    """`noise` less that of the layer's noisiest input."""


class QuantizationRecord(ContractPart):
    """Result of the quantisation of the float file."""

    quantizer: str
    """Tool that made the file: "ai-edge-quantizer"; "training" for a ready file."""
    kept_float: tuple[str, ...] = ()
    """Layers that were kept float on request."""
    float_weights: tuple[str, ...]
    """Names of the weights that are still float32."""
    float_activations: int = Field(ge=0)
    """Number of activations that are float32."""
    activations: int = Field(ge=1)
    """Number of activations."""
    delegate_partitions: int = Field(ge=0)
    """Parts of the graph that the CPU delegate runs."""
    operators_outside: dict[str, int]
    """Operators that no partition runs, by name and number."""
    worst_layers: tuple[LayerLoss, ...] = ()
    """Layers that add most noise, worst first."""


class Gate(ContractPart):
    """Result of the comparison of a file's measurements with the limits."""

    passed: bool
    """True if all limits are kept."""
    failures: tuple[str, ...] = ()
    """A sentence for each limit that is not kept."""

    @model_validator(mode="after")
    def _says_why(self):
        if self.passed == bool(self.failures):
            raise ValueError("`failures` must be there if, and only if, it failed")
        return self


class TensorRecord(ContractPart):
    """Input or output of a TFLite file."""

    name: str
    """Name of the tensor, as the interpreter gives it."""
    dtype: Literal["float32", "int8", "uint8"]
    """Type of the stored numbers."""
    shape: tuple[int, ...]
    """Shape of the tensor; -1 is any size."""
    quantization: Quantization | None
    """Map from stored integers to real values; None if real values are stored or, for a
    uint8 input, pixels 0..255.
    """


def _each_once(steps):
    if len(set(steps)) < len(steps):
        raise ValueError("each step must be named once")
    return steps


MIRRORS = ("none", "concat", "mean")
STEPS = ("pixels", "mirror", "l2")
Steps = Annotated[
    tuple[Literal[STEPS], ...],
    AfterValidator(_each_once),
    Field(json_schema_extra={"uniqueItems": True}),
]


class FeatureRecord(ContractPart):
    """The feature of a face, and the steps to it that an exported file does itself."""

    mirror: Literal[MIRRORS] = "none"
    """The feature is the embedding of the crop ("none"), that followed by the embedding
    of the mirror image ("concat"), or the mean of the two ("mean").
    """
    inside: Steps = ()
    """Steps that a program must leave out, since the file does them: "pixels", it takes
    uint8 RGB crops and normalises them; "mirror", it embeds the mirror image too and
    gives the whole feature; "l2", its output has length 1.
    """

    @property
    def mirror_inside(self) -> Literal[MIRRORS]:
        """The part of the mirror policy that the file does: all of it or "none"."""
        return self.mirror if "mirror" in self.inside else "none"

    @property
    def mirror_outside(self) -> Literal[MIRRORS]:
        """The part of the mirror policy that the program does: all of it or "none"."""
        return "none" if "mirror" in self.inside else self.mirror

    def feature_dim(self, embedding_dim: int) -> int:
        """Length of a feature, from that of the embedding of one image."""
        return _width(embedding_dim, self.mirror)

    def output_dim(self, embedding_dim: int) -> int:
        """Length of the file's output, from that of the embedding of one image."""
        return _width(embedding_dim, self.mirror_inside)


def check_mirror(mirror: str) -> None:
    """Raises ValueError unless `mirror` is one of `MIRRORS`."""
    if mirror not in MIRRORS:
        raise ValueError(f"`mirror` must be one of {MIRRORS}. Received: {mirror=}")


def _width(embedding_dim, mirror):
    return embedding_dim * (2 if mirror == "concat" else 1)


class Drift(ContractPart):
    """Cosines between the embeddings of the variant and of the Keras model."""

    mean_cosine: Cosine
    """Mean over all crops."""
    p01_cosine: Cosine
    """First percentile."""
    min_cosine: Cosine
    """Cosine of the crop that drifts most."""
    crops: int = Field(ge=1)
    """Number of crops that were compared."""


class RankAgreement(ContractPart):
    """Share of probes whose nearest gallery face is that of the Keras model."""

    same_gallery: Rate
    """Share if the variant embeds gallery and probes."""
    float_gallery: Rate
    """Share if the Keras model embeds the gallery."""
    probes: int = Field(ge=1)
    """Number of probes."""
    gallery: int = Field(ge=1)
    """Number of gallery faces, one of each person."""


class Verification(ContractPart):
    """1:1 verification measured with one variant; rates as fractions."""

    pairs: int = Field(ge=1)
    """Number of pairs."""
    accuracy: Rate
    """Accuracy of the protocol."""
    tar_at_far: Annotated[dict[ThresholdKey, Rate], NO_OTHERS]
    """True accept rate by the key of the threshold, such as "far_0.001"."""


class Identification(ContractPart):
    """Open-set search measured with one variant; rates as fractions."""

    people: int = Field(ge=1)
    """Number of known people, each with a photo in the gallery."""
    probes: int = Field(ge=1)
    """Number of other photos of these."""
    unknown_probes: int = Field(ge=0)
    """Number of photos of people who are not in the gallery."""
    rank_1: Rate
    """Share of the probes whose nearest person is the right one."""
    dir_at_far: Annotated[dict[ThresholdKey, Rate], NO_OTHERS]
    """Share of the probes whose nearest person is the right one and is accepted, where
    that share of the unknown probes is accepted: "far_0.01" of one in a hundred.
    """


class VariantMeasurement(ContractPart):
    """Accuracy, rates and thresholds measured with one variant."""

    identification: Identification | None = None
    """Open-set search; None if it was not measured."""
    verification: Verification
    """Accuracy and true accept rates."""
    thresholds: Thresholds
    """Accept if score >= threshold. "accuracy" is the threshold of the best accuracy;
    the others are by their FAR, such as "far_0.001".
    """


class RuntimeRecord(ContractPart):
    """The oldest runtimes that can run a file; older ones refuse it."""

    tensorflow_lite: str = Field(pattern=_VERSION)
    """Version of TensorFlow Lite, such as "2.17.0"."""
    ai_edge_litert: str = Field(pattern=_VERSION)
    """Version of LiteRT, such as "1.0.1"."""


class Variant(FileRecord):
    """One TFLite file of the embedding network, with its measurements."""

    input: TensorRecord
    """The only input tensor."""
    output: TensorRecord
    """The only output tensor."""
    drift: Drift
    """Cosines between its embeddings and those of the Keras model."""
    rank: RankAgreement | None = None
    """Agreement with the Keras model on the nearest face."""
    quantization: QuantizationRecord | None = None
    """Result of the quantisation; None for the float file."""
    identification: Identification | None = None
    """Open-set search; None if it was not measured."""
    verification: Verification | None = None
    """Accuracy and true accept rates; None if no pairs were given."""
    thresholds: Thresholds | None = None
    """Accept if score >= threshold. "accuracy" is the threshold of the best accuracy;
    the others are by their FAR, such as "far_0.001".
    """
    cross_variant: VariantMeasurement | None = None
    """The same for a gallery of the float variant and probes of this one."""
    calibration: Calibration | None = None
    """Result of `sphereface calibrate`."""
    gate: Gate = Gate(passed=True)
    """Result of the comparison with the limits."""
    runtime: RuntimeRecord | None = None
    """The oldest runtimes that can run it; None in older bundles."""


class SampleRecord(ContractPart):
    """The crops that ranges were taken from and that the variants were compared on."""

    rendered: bool
    """True for pictures of nobody, made by this library."""
    representative: int = Field(ge=0)
    """Number of crops that the ranges of int8 were taken from."""
    representative_people: int = Field(ge=0)
    """Number of people in these."""
    compared: int = Field(ge=1)
    """Number of crops that the variants were compared on."""
    compared_people: int = Field(ge=1)
    """Number of people in these; none of them is among the representative."""


class DetectorRecord(ContractPart):
    """P-Net, R-Net and O-Net in one folder, and the settings of their cascade."""

    files: dict[Literal["pnet", "rnet", "onet"], FileRecord]
    """The networks by name."""
    settings: dict[str, FiniteFloat | tuple[FiniteFloat, ...] | Literal[LANDMARK_RULES]]
    """Settings of the cascade, by the names of `MTCNNSettings`. Older bundles have no
    `landmark_rule`: it is "single".
    """

    @model_validator(mode="after")
    def _all_three_in_one_folder(self):
        if set(self.files) != {"pnet", "rnet", "onet"}:
            raise ValueError("`files` must name pnet, rnet and onet")
        if len({record.file.rpartition("/")[0] for record in self.files.values()}) > 1:
            raise ValueError("`files` must lie in one folder")
        return self

    @property
    def folder(self) -> str:
        """Folder of the networks, relative to the bundle's."""
        return self.files["pnet"].file.rpartition("/")[0]


class ModelRecord(ContractPart):
    """Identity, size and terms of the exported model."""

    name: str
    """Name of the network, such as "mobilefacenet"."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the `.keras` file, hexadecimal."""
    parameters: int = Field(ge=1)
    """Number of weights of the network, without a margin head."""
    licence: str | None = None
    """Terms of use, as the exporter gave them; None if not given."""
    provenance: dict[str, str] = {}
    """Source of imported weights, as the backbone records it."""
