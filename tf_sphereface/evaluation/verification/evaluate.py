"""1:1 verification of pairs in folds, as the protocol of LFW has it."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.crop_embedders import KerasEmbedder
from tf_sphereface.evaluation.embeddings.model_embeddings import ModelEmbeddings
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.pairs.pair_list import PairList, read_lfw_pairs
from tf_sphereface.evaluation.pairs.people import (
    check_folds,
    note_on_training,
    notes_on_list,
    people_of_pairs,
)
from tf_sphereface.evaluation.rates.thresholds import (
    FAR_TARGETS,
    area_under_roc,
    equal_error_rate,
    operating_thresholds,
    supports_far,
    tar_at_far,
)
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.evaluation.verification.rules import (
    RULES,
    compared_features,
    cosines,
)
from tf_sphereface.progress import Progress

MISSING = ("wrong", "skip", "error")


def evaluate_verification(
    source: EmbeddingSource,
    images_dir: Path | None,
    pairs: PairList,
    mirror: bool = True,
    progress: Progress | None = None,
    *,
    rule: str = "sphereface",
    missing: str = "wrong",
    fars: Sequence[float] = FAR_TARGETS,
) -> VerificationReport:
    """Scores a model on pairs of aligned faces; each photo is embedded once.

    Args:
        source: The model, or a file of embeddings.
        images_dir: Folder of the aligned faces; a file of embeddings needs none.
        pairs: At least two folds, each with genuine and impostor pairs.
        mirror: Embed the mirror image too; a file of embeddings has what it has.
        progress: Called with the photos done and the photos in all.
        rule: As for `evaluate_features`.
        missing: What becomes of a pair that lacks a photo: "wrong" counts it as an
            error, "skip" leaves it out, "error" refuses the list.
        fars: As for `evaluate_features`.

    Raises: InputError as `EmbeddingSource.features`, `evaluate_features` and
        `notes_on_list`.
    """
    if missing not in MISSING:
        raise InputError(f"`missing` must be one of {MISSING}. Received: {missing=}")
    fold = np.array([pair.fold for pair in pairs.pairs])
    same = np.array([pair.same for pair in pairs.pairs], bool)
    check_folds(same, fold)  # before the slow part
    photos = pairs.photos()
    features = source.features(photos, images_dir, mirror, progress)
    absent = np.isnan(features).any(axis=1)
    absent_photos = tuple(np.array(photos)[absent].tolist())
    _check_missing(absent_photos, len(photos), missing, source.place(images_dir))
    people = people_of_pairs(pairs, source.people(photos) or None)
    trained = getattr(source, "trained_people", ())
    notes = (*note_on_training(people, trained), *notes_on_list(pairs, people))
    rows = {photo: row for row, photo in enumerate(photos)}
    left = np.array([rows[pair.left] for pair in pairs.pairs])
    right = np.array([rows[pair.right] for pair in pairs.pairs])
    kept = ~(absent[left] | absent[right]) | (missing != "skip")
    mirror = source.has_mirror(mirror)
    report = evaluate_features(
        *(features, left[kept], right[kept], same[kept], fold[kept], fars),
        rule=rule,
        mirrored=mirror,
    )
    if not kept.all():
        left_out = f"{np.sum(~kept):,} of {len(kept):,} pairs lack a photo"
        notes = (f"{left_out} and are left out of all figures.", *notes)
    return dataclasses.replace(
        report,
        notes=(*report.notes, *notes),
        missing_photos=absent_photos,
        source_kind=source.kind,
        embedding_dim=source.embedding_dim,
        mirror=mirror,
        milliseconds_per_face=source.milliseconds_per_face,
        missing=missing,
        people=people.of_pairs(kept),
        photo_pairs=tuple(
            pair[:2] for pair, stays in zip(pairs.pairs, kept, strict=True) if stays
        ),
    )


def evaluate_features(
    features: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    same: np.ndarray,
    fold: np.ndarray,
    fars: Sequence[float] = FAR_TARGETS,
    *,
    rule: str = "sphereface",
    mirrored: bool = False,
) -> VerificationReport:
    """Scores pairs of features under the protocol.

    The threshold that is best on the other folds judges a fold. AUC, EER and TAR come
    from the rule's scores, pooled. A pair with a missing photo counts as wrong: it
    scores -1 if genuine, 1 if impostor, and takes no part in means and thresholds.

    Args:
        features: Float (photos, dim), not L2-normalised; a row of NaN is a missing
            photo.
        left: Integer (pairs,), rows of `features`.
        right: Integer (pairs,), rows of `features`.
        same: Bool (pairs,), genuine or impostor.
        fold: Integer (pairs,), any numbers.
        fars: FAR targets in (0, 1].
        rule: "sphereface", cosines with the mean of the other folds subtracted, or
            "insightface", distances without it: `verification_rules` has both.
        mirrored: Whether a row is an embedding followed by the mirror image's, which
            InsightFace's rule adds up. Operating thresholds are of the rows as given.

    Raises: InputError if there are fewer than two folds, a fold lacks a kind of pairs,
        or there is no genuine or no impostor pair with both photos outside some fold.
    """
    if rule not in RULES:
        raise InputError(f"`rule` must be one of {sorted(RULES)}. Received: {rule=}")
    left, right, fold = np.asarray(left), np.asarray(right), np.asarray(fold)
    same, features = np.asarray(same, bool), np.asarray(features, np.float64)
    check_folds(same, fold)
    absent = np.isnan(features).any(axis=1)
    features = np.where(absent[:, None], 0.0, features)
    missing = absent[left] | absent[right]
    compared = compared_features(features, rule, mirrored)
    judged = RULES[rule](compared, left, right, same, fold, missing)
    plain = np.where(missing, np.nan, cosines(features, left, right))
    measured = [far for far in fars if supports_far((~same & ~missing).sum(), far)]
    return VerificationReport(
        fold_accuracies=judged.accuracies,
        fold_thresholds=judged.thresholds,
        auc=area_under_roc(judged.scores, same),
        eer=equal_error_rate(judged.scores, same),
        tar_at_far={
            far: tar_at_far(judged.scores, same, far) if far in measured else math.nan
            for far in fars
        },
        operating=operating_thresholds(plain[~missing], same[~missing], fars),
        notes=_notes(same, missing, [far for far in fars if far not in measured]),
        scores=judged.scores,
        plain_scores=plain,
        same=same,
        fold=fold,
        right_calls=judged.right_calls,
        rule=rule,
    )


def verification_metrics(
    images_dir: Path, pairs_file: Path, mirror: bool = True
) -> Callable[[object], dict[str, float]]:
    """A function of a Keras model that gives the figures to log while it trains.

    Returns: Function to `verification_accuracy`, `verification_auc` and
        `verification_eer`.
    Raises: InputError if the pair list is malformed or has a single fold, or none of
        its photos is in `images_dir`: at once, not after an epoch.
    """
    pairs = read_lfw_pairs(pairs_file)
    check_folds(
        [pair.same for pair in pairs.pairs], [pair.fold for pair in pairs.pairs]
    )
    if not any(find_photos(images_dir, pairs.photos())):
        raise InputError(f"none of the photos of {pairs_file} is in {images_dir}")

    @functools.lru_cache(1)  # a model is traced once, not once an epoch
    def source_of(model):
        return ModelEmbeddings(KerasEmbedder(model))

    def validate(model):
        report = evaluate_verification(source_of(model), images_dir, pairs, mirror)
        return {
            "verification_accuracy": report.accuracy,
            "verification_auc": report.auc,
            "verification_eer": report.eer,
        }

    return validate


def _check_missing(absent, photos, missing, place):
    if len(absent) == photos:
        raise InputError(
            f"none of the {photos} photos of the pairs is in {place}; "
            f"the first is {absent[0]}"
        )
    if absent and missing == "error":
        raise InputError(
            f"{len(absent)} of the {photos} photos of the pairs are not in {place}; "
            f"the first is {absent[0]}"
        )


def _notes(same, missing, unsupported_fars):
    notes = []
    if missing.any():
        notes.append(
            f"{missing.sum():,} of {len(same):,} pairs lack a photo: they count as "
            "wrong under the protocol and take no part in the operating thresholds."
        )
    if unsupported_fars:
        far = max(unsupported_fars)
        notes.append(
            f"FAR {far:g} needs at least {round(1 / far):,} impostor pairs with both "
            f"photos, and there are {(~same & ~missing).sum():,}: not measured"
            + (", nor any below it." if len(unsupported_fars) > 1 else ".")
        )
    return tuple(notes)
