"""The formats of the trained model, exported and scored on unseen people."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tf_sphereface.evaluation import VerificationReport
    from tf_sphereface.preprocessing import PixelContract

from tf_sphereface.errors import InputError

BUNDLE_VARIANTS = ("none", "fp16", "dynamic", "int8")
FAR = 0.01
# The SavedModel gives features of length 1; this row is what compares with it.
UNIT_LENGTH = "Keras, length 1"


@dataclasses.dataclass(frozen=True)
class ModelRow:
    """One line of the closing table; rates as fractions.

    `tar_at_far` is None if there are too few impostor pairs to measure it; `failures`
    says why a variant did not pass the gate.
    """

    model: str
    accuracy: float
    tar_at_far: float | None
    megabytes: float
    milliseconds_per_face: float
    failures: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Formats:
    """Every format of the model: its rows, and report and pixels of the Keras model."""

    rows: tuple[ModelRow, ...]
    report: "VerificationReport"
    model: Path
    pixels: "PixelContract"


def export_and_evaluate(out: Path, pairs, model: str, progress_bar) -> Formats:
    """Scores Keras, SavedModel and every TFLite variant; writes the exports."""
    from tf_sphereface.deployment import (
        ExportOptions,
        Measure,
        export_bundle,
        export_saved_model,
    )
    from tf_sphereface.evaluation import load_embedding_source
    from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator

    reports = []
    evaluator = PairEvaluator(
        out / "aligned" / "unseen", pairs, progress_bar=progress_bar
    )

    def evaluate(source):
        reports.append(evaluator.plain(source))
        return reports[-1]

    # The run's model file also holds the optimizer; what ships is the backbone.
    saved_model, calibration = out / "saved_model", out / "aligned" / "train"
    embedding = _strip(Path(model), out / "embedding.keras")
    source = load_embedding_source(embedding)
    keras_report = evaluate(source)
    reports.append(
        dataclasses.replace(
            evaluator.at_unit_length(source),
            milliseconds_per_face=keras_report.milliseconds_per_face,
        )
    )
    export_saved_model(embedding, saved_model, calibration, overwrite=True)
    evaluate(load_embedding_source(saved_model))
    options = ExportOptions(
        BUNDLE_VARIANTS,
        calibration=calibration,
        representative=None,  # there are few people
        overwrite=True,
    )
    measure = Measure(evaluate, evaluator.cross_variant, identify=_search(evaluator))
    bundle = export_bundle(embedding, out / "bundle", options, measure, progress_bar)
    keras_size = embedding.stat().st_size
    sizes = [keras_size, keras_size, _folder_size(saved_model)]
    rows = _rows(reports, sizes, bundle.contract.variants)
    return Formats(tuple(rows), keras_report, embedding, source.pixel_contract)


def _search(evaluator):
    """A search among the unseen people; None if they are too few."""
    from tf_sphereface.evaluation.identification.gallery_evaluator import (
        GalleryEvaluator,
    )

    try:
        return GalleryEvaluator(evaluator).identify
    except InputError:
        return None


def _rows(reports, sizes, variants):
    """Lines of the closing table: Keras, SavedModel, variants of the bundle."""
    names = ["Keras", UNIT_LENGTH, "SavedModel"]
    failures = [() for _ in names]
    names += [f"TFLite {name}" for name in variants]
    failures += [variant.gate.failures for variant in variants.values()]
    sizes = [*sizes, *(variant.bytes for variant in variants.values())]
    return [
        ModelRow(
            model=name,
            accuracy=report.accuracy,
            tar_at_far=_known(report.tar_at_far[FAR]),
            megabytes=size / 1e6,
            milliseconds_per_face=report.milliseconds_per_face,
            failures=why,
        )
        for name, size, report, why in zip(names, sizes, reports, failures, strict=True)
    ]


def _known(rate: float) -> float | None:
    return None if math.isnan(rate) else rate


def _strip(model: Path, embedding: Path) -> Path:
    from tf_sphereface.embedding_models import load_backbone
    from tf_sphereface.files import replacing

    backbone = load_backbone(model)
    with replacing(embedding) as temporary:
        backbone.save(temporary)
    return embedding


def _folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
