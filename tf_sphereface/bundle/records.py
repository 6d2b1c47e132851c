"""The records of a contract: files, tensors, and what was measured with them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from tf_sphereface.bundle.calibration import Calibration, ContractPart

# What every exported graph calls its input and its output.
INPUT_NAME, OUTPUT_NAME = "aligned_face", "embedding"

Cosine = Annotated[FiniteFloat, Field(ge=-1.0001, le=1.0001)]
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]


def _inside_the_bundle(name):
    parts = str(name).split("/")
    if not all(parts) or {"\\", "\0"} & set(str(name)) or {".", ".."} & set(parts):
        raise ValueError("a file must be named relative to the bundle, with '/'")
    return name


# The pattern is what the validator checks, for readers that have the schema only.
FileName = Annotated[
    str,
    BeforeValidator(_inside_the_bundle),
    Field(json_schema_extra={"pattern": r"^(?!.*(^|/)\.{0,2}(/|$))[^\\\x00]+$"}),
]


class FileRecord(ContractPart):
    """A file of the bundle.

    Args:
        file: Its path relative to the bundle's folder, with "/".
        sha256: Of its content, hexadecimal.
        bytes: Its size.
    """

    file: FileName
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)


class Quantization(ContractPart):
    """real = scale * (stored - zero_point), one pair for the whole tensor.

    Args:
        scale: Of a step of the stored integer.
        zero_point: The integer that stands for 0.
    """

    scale: Annotated[FiniteFloat, Field(gt=0)]
    zero_point: int


class LayerLoss(ContractPart):
    """Noise of a layer's output: power of the error over power of the float output.

    Args:
        layer: Name of the tensor that the layer gives.
        noise: After the layer, of all quantisation up to it.
        added: `noise` less that of its noisiest input; what the layer loses.
    """

    layer: str
    noise: Annotated[FiniteFloat, Field(ge=0)]
    added: FiniteFloat


class QuantizationRecord(ContractPart):
    """What became of the float file.

    Args:
        quantizer: "tf.lite" or "ai-edge-quantizer"; "none" for a float file.
        kept_float: Layers that were kept float on request.
        float_weights: Names of the weights that are still float32.
        float_activations: Number of activations that are float32.
        activations: Number of activations.
        delegate_partitions: Parts of the graph that the CPU delegate runs.
        operators_outside: Operators that no partition runs, by name and number.
        worst_layers: Those that lose most, worst first.
    """

    quantizer: str
    kept_float: tuple[str, ...] = ()
    float_weights: tuple[str, ...]
    float_activations: int = Field(ge=0)
    activations: int = Field(ge=1)
    delegate_partitions: int = Field(ge=0)
    operators_outside: dict[str, int]
    worst_layers: tuple[LayerLoss, ...] = ()


class Gate(ContractPart):
    """Whether a file is as good as the limits ask.

    Args:
        passed: Whether all limits are kept.
        failures: Each limit that is not, in words.
    """

    passed: bool
    failures: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_why(self):
        if self.passed == bool(self.failures):
            raise ValueError("`failures` must be there if, and only if, it failed")
        return self


class TensorRecord(ContractPart):
    """Input or output of a TFLite file.

    Args:
        name: As the interpreter gives it.
        dtype: Of the numbers that the tensor holds.
        shape: Of the tensor; -1 is any size.
        quantization: How integers stand for real values; None if they are real values,
            or, for a uint8 input, pixels 0..255.
    """

    name: str
    dtype: Literal["float32", "int8", "uint8"]
    shape: tuple[int, ...]
    quantization: Quantization | None


class GraphRecord(ContractPart):
    """What the TFLite files do themselves; a program must not do it again.

    Args:
        pixels: They take uint8 RGB crops and normalise them.
        mirror: They embed the mirror image too and give the whole feature.
        l2_normalized: Their output has length 1.
    """

    pixels: bool = False
    mirror: bool = False
    l2_normalized: bool = False


class Drift(ContractPart):
    """Cosines between the embeddings of the variant and of the Keras model.

    Args:
        mean_cosine: Over all crops.
        p01_cosine: Their first percentile.
        min_cosine: Of the crop that drifts most.
        crops: Number of crops that were compared.
    """

    mean_cosine: Cosine
    p01_cosine: Cosine
    min_cosine: Cosine
    crops: int = Field(ge=1)


class RankAgreement(ContractPart):
    """Share of probes whose nearest gallery face is that of the Keras model.

    Args:
        same_gallery: Gallery and probes are embedded by the variant.
        float_gallery: The gallery is embedded by the Keras model.
        probes: Number of probes.
        gallery: Number of gallery faces, one of each person.
    """

    same_gallery: Rate
    float_gallery: Rate
    probes: int = Field(ge=1)
    gallery: int = Field(ge=1)


class Verification(ContractPart):
    """1:1 verification measured with one variant; rates as fractions.

    Args:
        pairs: Number of pairs.
        accuracy: Of the protocol.
        tar_at_far: True accept rate by the key of the threshold, such as "far_0.001".
    """

    pairs: int = Field(ge=1)
    accuracy: Rate
    tar_at_far: dict[str, Rate]


class VariantMeasurement(ContractPart):
    """What a measurement gives for one variant.

    Args:
        verification: Accuracy and rates.
        thresholds: Accept if score >= threshold. "accuracy" is the threshold of the
            best accuracy; the others are by their FAR, such as "far_0.001".
    """

    verification: Verification
    thresholds: dict[str, FiniteFloat]


class Variant(FileRecord):
    """One TFLite file of the embedding network, with what was measured with it.

    Args:
        file: Its path relative to the bundle's folder, with "/".
        sha256: Of its content, hexadecimal.
        bytes: Its size.
        input: The only input tensor.
        output: The only output tensor.
        drift: How far its embeddings are from those of the Keras model.
        rank: Whether it finds the same nearest face as the Keras model.
        quantization: What became of the float file.
        verification: Accuracy and rates; None if no pairs were given.
        thresholds: Accept if score >= threshold. "accuracy" is the threshold of the
            best accuracy; the others are by their FAR, such as "far_0.001".
        mixed: The same with a gallery of the float variant and probes of this one.
        calibration: What `sphereface calibrate` measured.
        gate: Whether it is as good as the limits ask.
    """

    input: TensorRecord
    output: TensorRecord
    drift: Drift
    rank: RankAgreement | None = None
    quantization: QuantizationRecord | None = None
    verification: Verification | None = None
    thresholds: dict[str, FiniteFloat] | None = None
    mixed: VariantMeasurement | None = None
    calibration: Calibration | None = None
    gate: Gate = Gate(passed=True)


class SampleRecord(ContractPart):
    """The crops that ranges were taken from and that the variants were compared on.

    Args:
        rendered: Whether they are pictures of nobody, made by this library.
        representative: Crops that the ranges of int8 were taken from.
        representative_people: People in these.
        compared: Crops that the variants were compared on.
        compared_people: People in these; none of them is among the representative.
    """

    rendered: bool
    representative: int = Field(ge=0)
    representative_people: int = Field(ge=0)
    compared: int = Field(ge=1)
    compared_people: int = Field(ge=1)


class DetectorDrift(ContractPart):
    """Faces of the quantised cascade beside those of the Keras cascade.

    Args:
        photos: Number of photos.
        faces: Faces that the Keras cascade finds in them.
        found: Share of these that the variant finds too (IoU of at least 0.5).
        extra: Faces of the variant that the Keras cascade does not find, over `faces`.
        mean_iou: Mean overlap of the boxes of common faces.
        mean_landmark_shift: Mean distance of their landmarks, over the eyes' distance.
        p99_landmark_shift: 99th percentile of the same.
    """

    photos: int = Field(ge=1)
    faces: int = Field(ge=1)
    found: Rate
    extra: Annotated[FiniteFloat, Field(ge=0)]
    mean_iou: Rate
    mean_landmark_shift: Annotated[FiniteFloat, Field(ge=0)]
    p99_landmark_shift: Annotated[FiniteFloat, Field(ge=0)]


class DetectorVariant(ContractPart):
    """P-Net, R-Net and O-Net in one folder.

    Args:
        files: By name.
        drift: Its faces beside those of the Keras cascade.
        gate: Whether it is as good as the limits ask.
    """

    files: dict[Literal["pnet", "rnet", "onet"], FileRecord]
    drift: DetectorDrift | None = None
    gate: Gate = Gate(passed=True)

    @model_validator(mode="after")
    def _all_three_in_one_folder(self):
        if set(self.files) != {"pnet", "rnet", "onet"}:
            raise ValueError("`files` must name pnet, rnet and onet")
        if len({record.file.rpartition("/")[0] for record in self.files.values()}) > 1:
            raise ValueError("`files` must lie in one folder")
        return self


class DetectorRecord(ContractPart):
    """The variants of the detector, and the settings of the cascade around them.

    Args:
        variants: By name.
        default_variant: The one to take if nobody asks for another.
        settings: Of the cascade, by the names of `MTCNNSettings`.
    """

    variants: dict[str, DetectorVariant] = Field(min_length=1)
    default_variant: str
    settings: dict[str, FiniteFloat | tuple[FiniteFloat, ...]]

    @model_validator(mode="after")
    def _default_exists(self):
        if self.default_variant not in self.variants:
            raise ValueError(f"no variant {self.default_variant!r} for the default")
        return self


class ModelRecord(ContractPart):
    """The model that was exported.

    Args:
        name: Of the network, such as "mobilefacenet".
        sha256: Of the `.keras` file.
        parameters: Number of weights of the network, without a margin head.
        licence: What the exporter said of its terms; None if nothing.
        provenance: Where imported weights come from, as the backbone has it.
    """

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    parameters: int = Field(ge=1)
    licence: str | None = None
    provenance: dict[str, str] = {}
