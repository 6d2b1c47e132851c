"""The formats of the trained model: exported, scored on unseen people, and matched."""

import dataclasses
import math
from pathlib import Path

BUNDLE_VARIANTS = ("none", "fp16", "dynamic", "int8")
FAR = 0.01


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


def export_and_evaluate(out: Path, pairs, model: str, command: str, progress_bar):
    """Scores Keras, SavedModel and every TFLite variant; writes bundle and report."""
    from tf_sphereface.deployment import (
        ExportOptions,
        Measure,
        export_bundle,
        export_saved_model,
    )
    from tf_sphereface.evaluation import (
        describe_model,
        load_embedding_source,
        write_report,
    )
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
    evaluate(load_embedding_source(embedding))
    inputs = {"pairs": out / "pairs.txt"}
    write_report(reports[0], out, command, describe_model(embedding), inputs)
    export_saved_model(embedding, saved_model, calibration, overwrite=True)
    evaluate(load_embedding_source(saved_model))
    options = ExportOptions(
        BUNDLE_VARIANTS,
        calibration=calibration,
        representative=None,  # the road has few people
        overwrite=True,
    )
    bundle = export_bundle(
        embedding,
        out / "bundle",
        options,
        Measure(evaluate, evaluator.mixed),
        progress_bar,
    )
    sizes = [embedding.stat().st_size, _folder_size(saved_model)]
    return _rows(reports, sizes, bundle.contract.variants)


def _rows(reports, sizes, variants):
    """Lines of the closing table: Keras, SavedModel, variants of the bundle."""
    names = ["Keras", "SavedModel", *(f"TFLite {name}" for name in variants)]
    sizes = [*sizes, *(variant.bytes for variant in variants.values())]
    failures = [(), (), *(variant.gate.failures for variant in variants.values())]
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


def match_unseen(out: Path, pairs):
    """Matches the photos of one genuine and one impostor pair, photos to verdict."""
    from tf_sphereface.bundle.contract import threshold_key
    from tf_sphereface.data.photos.lookup import find_photos
    from tf_sphereface.deployment import load_bundle, match_photos

    contract = load_bundle(out / "bundle").contract
    measured = contract.variants[contract.default_variant].thresholds
    # Few pairs support no threshold at a small FAR.
    far = FAR if threshold_key(FAR) in measured else 10 * FAR
    for same in (True, False):
        pair = next(pair for pair in pairs.pairs if pair.same == same)
        photos = find_photos(out / "photos" / "unseen", [pair.left, pair.right])
        match = match_photos(out / "bundle", tuple(photos), far=far)
        yield {"truth": same, **match}
