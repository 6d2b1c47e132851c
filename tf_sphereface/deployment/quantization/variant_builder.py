"""The variants of one network: built, loaded again, measured and checked."""

import contextlib
import functools
from pathlib import Path

from tf_sphereface.bundle.features import FeatureSource
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.bundle.variants import (
    FLOAT,
    VARIANTS,
    available_variants,
    file_name,
)
from tf_sphereface.deployment import samples
from tf_sphereface.deployment.parity.drift import (
    check_exact,
    measure_drift,
    rank_agreement,
    wiring_failures,
)
from tf_sphereface.deployment.parity.measurement import Measure
from tf_sphereface.deployment.quantization import ai_edge
from tf_sphereface.deployment.quantization.analysis import analyse_quantization
from tf_sphereface.deployment.quantization.equalization import (
    equalize,
    observe_channels,
)
from tf_sphereface.deployment.quantization.gate import check_gate
from tf_sphereface.deployment.quantization.operator_versions import with_true_versions
from tf_sphereface.deployment.sources import ExportSource
from tf_sphereface.deployment.writing.bundle import CheckedVariant
from tf_sphereface.errors import InputError

_INSPECTED = 8  # crops that layers are compared on: all tensors are kept of each


class VariantBuilder:
    """Builds the variants that are asked for; the float file is always measured.

    Args:
        source: The network that is exported.
        options: `ExportOptions`.
        measure: Accuracy and thresholds of a file, or None.
        progress_bar: Shows what takes long, or None.
    """

    def __init__(
        self,
        source: ExportSource,
        options,
        measure: Measure | None,
        progress_bar,
    ):
        self._source, self._network, self._options = source, source.network, options
        self._measure = measure
        self._progress_bar = progress_bar or _no_progress_bar
        # Refuses what cannot be made before anything slow.
        self._names = _chosen(options.variants, source.network)

    @functools.cached_property
    def samples(self) -> samples.Samples:
        """Crops to take ranges from, and others to compare on."""
        options, contract = self._options, self._network.pixel_contract
        needed = any(VARIANTS[name].needs_crops for name in self._names)
        count = options.representative if needed else 0
        if options.calibration is None:
            return samples.rendered_samples(contract, count)
        return samples.read_samples(options.calibration, contract, count)

    @functools.cached_property
    def _reference(self):
        # The embedding of the crop alone, unless the files give the whole feature.
        return self._source.reference(self.samples.compared)

    def build_all(self, directory: Path) -> dict[str, CheckedVariant]:
        """Every variant by name, in the order asked for, then the ready files.

        Args:
            directory: For temporary files.

        Raises: InputError if there are too few crops, or a ready file is no network of
            this kind; DriftError if the float file is not the Keras model.
        """
        embedder = self._opened(directory, FLOAT, self._network.content)
        exported = embedder.embed(self.samples.compared)
        drift = check_exact("float", self._reference, exported)
        self._float_source = self._features(embedder)
        self._float_measured = self._measured(self._float_source)
        built = {}
        for name in (*self._names, *self._options.ready):
            if name == FLOAT:
                measured = {"drift": drift, **self._checked(name, drift, exported)}
                built[name] = CheckedVariant(
                    self._network.content, file_name(name), measured
                )
            else:
                built[name] = self._build(name, directory)
        return built

    @functools.cached_property
    def _ranges(self):
        network = self._network
        inputs = network.inputs(self.samples.representative)
        with self._progress_bar("taking ranges", "crops") as progress:
            return observe_channels(network.content, inputs, progress)

    def _equalized(self, name):
        depthwise = name in ai_edge.ROUND_DEPTHWISE
        return equalize(self._network.content, self._ranges, depthwise)

    def _build(self, name, directory):
        float_content = self._network.content
        if name in self._options.ready:
            content = with_true_versions(_read(self._options.ready[name]))
            quantizer = "training"
        else:
            quantizer, equalized = ai_edge.NAME, None
            if VARIANTS[name].needs_crops:
                equalized = self._equalized(name)
                float_content = equalized.content
            content = ai_edge.quantize(
                self._network, name, equalized, self._options.keep_float
            )
        embedder = self._opened(directory, name, content)
        if embedder.embedding_dim != self._reference.shape[1]:
            raise InputError(
                f"{name} is of another network: it gives {embedder.embedding_dim} "
                f"numbers, the model {self._reference.shape[1]}"
            )
        exported = embedder.embed(self.samples.compared)
        drift = measure_drift(self._reference, exported)
        source = self._features(embedder)
        measured, crossed = self._measured(source), self._cross_variant(source)
        record = analyse_quantization(
            content,
            float_content,
            self._network.inputs(self.samples.compared[:_INSPECTED]),
            quantizer,
            self._options.keep_float if quantizer != "training" else (),
        )
        return CheckedVariant(
            content,
            file_name(name),
            {
                "drift": drift,
                "quantization": record,
                **self._checked(name, drift, exported, measured, crossed),
                **({"cross_variant": crossed} if crossed else {}),
            },
        )

    def _checked(self, name, drift, exported, measured=None, crossed=None):
        """Rank agreement, verification and the gate's result on them."""
        reference, samples = self._reference, self.samples
        measured = measured or self._float_measured
        rank = rank_agreement(reference, exported, samples.people)
        gate = check_gate(
            name,
            self._options.limits,
            drift,
            wiring_failures(reference, exported),
            rank,
            measured,
            self._float_measured,
            crossed,
        )
        return {"rank": rank, "gate": gate, **(dict(measured) if measured else {})}

    def _measured(self, source):
        return self._measure.plain(source) if self._measure else None

    def _cross_variant(self, source):
        if not self._measure:
            return None
        return self._measure.cross_variant(self._float_source, source)

    def _opened(self, directory, name, content):
        path = directory / file_name(name)
        path.write_bytes(content)
        network = self._network
        return TFLiteEmbedder(
            path, network.pixel_contract, feature=network.feature, content=content
        )

    def _features(self, embedder):
        return FeatureSource(embedder, self._network.feature)


def _chosen(names, network):
    available = available_variants(network.has_dense_layer)
    if names == ("all",):
        return available
    for name in names:
        if name not in available:
            raise InputError(
                f"no variant {name!r} of {network.name}: it has no dense layer"
            )
    return names


def _no_progress_bar(title, unit):
    return contextlib.nullcontext(lambda done, total: None)


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"no such TFLite model: {path}") from error
