"""The export to TFLite in one call: model in, measured bundle out."""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

from tf_sphereface.bundle import variants
from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.records import STEPS, FeatureRecord, check_mirror
from tf_sphereface.deployment import samples
from tf_sphereface.deployment.crops import crop_of_model
from tf_sphereface.deployment.folders import check_output
from tf_sphereface.deployment.parity.measurement import Measure
from tf_sphereface.deployment.quantization.gate import GateLimits
from tf_sphereface.deployment.quantization.variant_builder import VariantBuilder
from tf_sphereface.deployment.sources import open_source
from tf_sphereface.deployment.writing.bundle import BundleContent, write_bundle
from tf_sphereface.deployment.writing.training_facts import CardFacts, training_facts
from tf_sphereface.detection import load_detector
from tf_sphereface.files import scratch_folder
from tf_sphereface.preprocessing import Values
from tf_sphereface.progress import ProgressBar

GOLDEN_FACES = 4


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Options of the export of a bundle.

    Args:
        variants: Of `variants.VARIANTS`, each once; the first is the bundle's default.
            ("all",): those that the network has.
        keep_float: Layers that are not quantised.
        mirror: How the mirror image enters the feature: "none", "concat" or "mean".
        inside: Of "pixels", "mirror" and "l2": steps that the graph does itself.
        batch: Number of faces of a call, 1; None is any number.
        calibration: Folder of aligned faces, a subfolder for each person, for int8
            ranges and for the comparison; None: rendered faces.
        representative: Number of crops that int8 ranges are taken from; None: as many
            as there are, at most 500.
        limits: Of the gate.
        ready: Files made elsewhere, such as by `sphereface quantization-train`, by the
            name of their variant: they are measured and added.
        size: Height and width of the crops, pixels, of a TFLite file whose sides are
            free; else None.
        pixels: Channel order, mean and scale that the model takes, by their names in
            `PixelContract`, where they are not the model's own.
        licence: Terms of the model, for the contract and the model card.
        overwrite: Replace an earlier export.

    Raises: ValueError if a name is unknown or named twice, or a number out of range.
    """

    variants: tuple[str, ...] = (variants.FLOAT,)
    keep_float: tuple[str, ...] = ()
    mirror: str = "concat"
    inside: tuple[str, ...] = ()
    batch: int | None = 1
    calibration: Path | None = None
    representative: int | None = samples.REPRESENTATIVE
    limits: GateLimits = GateLimits()
    ready: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    size: tuple[int, int] | None = None
    pixels: Mapping[str, str | Values] = dataclasses.field(default_factory=dict)
    licence: str | None = None
    overwrite: bool = False

    def __post_init__(self):
        for name, known in (
            ("variants", ("all",) if "all" in self.variants else variants.VARIANTS),
            ("inside", STEPS),
        ):
            given = getattr(self, name)
            if not set(given) <= set(known) or len(set(given)) < len(given):
                raise ValueError(
                    f"`{name}` must name some of {tuple(known)}, each once. "
                    f"Received: {name}={given!r}"
                )
        if not self.variants:
            raise ValueError("`variants` must not be empty.")
        check_mirror(self.mirror)
        counts = (self.representative, self.batch)
        if any(count is not None and count < 1 for count in counts):
            raise ValueError(
                "`representative` and `batch` must be at least 1. Received: "
                f"representative={self.representative!r}, batch={self.batch!r}"
            )
        if self.batch not in (1, None):
            raise ValueError(
                "`batch` must be 1 or None: the runtime and the checks take crops one "
                f"by one. Received: batch={self.batch!r}"
            )
        if taken := set(self.ready) & {*variants.VARIANTS}:
            raise ValueError(f"`ready` must have names of its own. Received: {taken}")

    @property
    def feature(self) -> FeatureRecord:
        """The feature, and the steps to it that are inside the graph."""
        return FeatureRecord(mirror=self.mirror, inside=self.inside)


def export_bundle(
    model_path: Path,
    out: Path,
    options: ExportOptions | None = None,
    measure: Measure | None = None,
    progress_bar: ProgressBar | None = None,
) -> Bundle:
    """Converts a trained model to TFLite variants and writes the measured bundle.

    Every file is loaded again, by the interpreter that a phone has, and compared with
    the Keras model on crops of people that no range was taken from. The contract says
    of each variant whether it passed the gate; the bundle is written either way.

    Args:
        model_path: `.keras` file of a classifier or of a backbone, a run folder, or a
            float32 `.tflite` file.
        out: Folder of the bundle; missing parents are made.
        options: None is `ExportOptions()`.
        measure: Gives accuracy and thresholds of a variant; None leaves them out.
        progress_bar: Shows what takes long; None shows nothing.

    Raises: InputError if a path or file is unusable; DriftError if the float file is
        not the Keras model. Nothing is written in either case.
    """
    options = ExportOptions() if options is None else options
    check_output(out, options.overwrite)
    facts = CardFacts(
        training=training_facts(Path(model_path)),
        pairs=measure.pairs if measure else None,
    )
    source = open_source(Path(model_path), options)
    contract = source.network.pixel_contract
    folders = (options.calibration, measure.images if measure else None)
    crop = crop_of_model(source.crop, contract, folders)
    builder = VariantBuilder(source, options, measure, progress_bar)
    with scratch_folder() as directory:
        built = builder.build_all(directory)
    content = BundleContent(
        model=source.model,
        pixel_contract=contract,
        crop=crop,
        embedding_dim=source.embedding_dim,
        feature=options.feature,
        variants=built,
        golden_faces=_golden_faces(contract, crop, load_detector()),
        samples=builder.samples.record,
        facts=facts,
    )
    # Its rename is the last change of the disk: a killed export can be called again.
    return write_bundle(out, content, options.overwrite)


def _golden_faces(contract, crop, detector):
    """The first rendered faces that the detector finds, for end-to-end tests."""
    faces = samples.synthetic_faces(contract, GOLDEN_FACES * 8, 1, crop)
    found = (face for face in faces if detector.detect([face.photo])[0])
    return list(itertools.islice(found, GOLDEN_FACES))
