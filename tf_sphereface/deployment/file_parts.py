"""The parts of a contract that are of one file: checksum, 8 bits, and gate."""

from typing import Annotated

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from tf_sphereface.deployment.calibration import ContractPart


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
