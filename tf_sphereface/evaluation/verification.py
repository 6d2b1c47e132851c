"""1:1 verification under the protocol of LFW, as the SphereFace paper runs it."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.model_sources import KerasEmbeddingSource
from tf_sphereface.evaluation.pairs import PairList, read_lfw_pairs
from tf_sphereface.evaluation.photo_embeddings import (
    Progress,
    embed_photos,
    find_photos,
)
from tf_sphereface.evaluation.sources import EmbeddingSource, TimedSource
from tf_sphereface.evaluation.thresholds import (
    FAR_TARGETS,
    area_under_roc,
    best_threshold,
    equal_error_rate,
    operating_thresholds,
    supports_far,
    tar_at_far,
)
from tf_sphereface.evaluation.verification_report import VerificationReport


def evaluate_verification(
    source: EmbeddingSource,
    images_dir: Path,
    pairs: PairList,
    mirror: bool = True,
    progress: Progress | None = None,
) -> VerificationReport:
    """Scores a model on pairs of aligned faces; each photo is embedded once.

    Args:
        source: The model.
        images_dir: Folder of the aligned faces.
        pairs: At least two folds.
        mirror: Concatenate FC1 of the mirror image, as in the paper.
        progress: Called with the photos done and the photos in all.

    Raises: InputError as `embed_photos` and `evaluate_features`.
    """
    _check_folds([pair.fold for pair in pairs.pairs])  # before the slow part
    photos = pairs.photos()
    timed = TimedSource(source)
    features = embed_photos(timed, images_dir, photos, mirror, progress=progress)
    missing = np.isnan(features).any(axis=1)
    if missing.all():
        raise InputError(
            f"none of the {len(photos)} photos of the pairs is in {images_dir}; "
            f"the first is {photos[0]}"
        )
    rows = {photo: row for row, photo in enumerate(photos)}
    report = evaluate_features(
        features,
        left=np.array([rows[pair.left] for pair in pairs.pairs]),
        right=np.array([rows[pair.right] for pair in pairs.pairs]),
        same=np.array([pair.same for pair in pairs.pairs]),
        fold=np.array([pair.fold for pair in pairs.pairs]),
    )
    return dataclasses.replace(
        report,
        missing_photos=tuple(np.array(photos)[missing].tolist()),
        source_kind=source.kind,
        embedding_dim=source.embedding_dim,
        mirror=mirror,
        milliseconds_per_face=timed.milliseconds_per_face(),
        photo_pairs=tuple(pair[:2] for pair in pairs.pairs),
    )


def evaluate_features(
    features: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    same: np.ndarray,
    fold: np.ndarray,
    fars: Sequence[float] = FAR_TARGETS,
) -> VerificationReport:
    """Scores pairs of features under the protocol.

    For each fold: subtract the mean of the other folds' features, L2-normalise, take
    the cosine; the threshold that is best on the other folds judges the fold. AUC, EER
    and TAR come from these scores, pooled. A pair with a missing photo counts as
    wrong: it scores -1 if genuine, 1 if impostor, and takes no part in means and
    thresholds.

    The release judges ties of score and threshold as wrong; here they are accepted.

    Args:
        features: Float (photos, dim), not L2-normalised; a row of NaN is a missing
            photo.
        left: Integer (pairs,), rows of `features`.
        right: Integer (pairs,), rows of `features`.
        same: Bool (pairs,), genuine or impostor.
        fold: Integer (pairs,), any numbers.
        fars: FAR targets in (0, 1].

    Raises: InputError if there are fewer than two folds, or no genuine or no impostor
        pair with both photos outside some fold.
    """
    left, right, fold = np.asarray(left), np.asarray(right), np.asarray(fold)
    same, features = np.asarray(same, bool), np.asarray(features, np.float64)
    _check_folds(fold)
    absent = np.isnan(features).any(axis=1)
    features = np.where(absent[:, None], 0.0, features)
    missing = absent[left] | absent[right]
    scores, accuracies, thresholds = _run_folds(
        features, left, right, same, fold, missing
    )
    plain = np.where(missing, np.nan, _cosines(features, left, right))
    measured = [far for far in fars if supports_far((~same & ~missing).sum(), far)]
    return VerificationReport(
        fold_accuracies=tuple(accuracies),
        fold_thresholds=tuple(thresholds),
        auc=area_under_roc(scores, same),
        eer=equal_error_rate(scores, same),
        tar_at_far={
            far: tar_at_far(scores, same, far) if far in measured else math.nan
            for far in fars
        },
        operating=operating_thresholds(plain[~missing], same[~missing], fars),
        notes=_notes(same, missing, [far for far in fars if far not in measured]),
        scores=scores,
        plain_scores=plain,
        same=same,
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
    _check_folds([pair.fold for pair in pairs.pairs])
    if not any(find_photos(images_dir, pairs.photos())):
        raise InputError(f"none of the photos of {pairs_file} is in {images_dir}")

    def validate(model):
        source = KerasEmbeddingSource(model)
        report = evaluate_verification(source, images_dir, pairs, mirror)
        return {
            "verification_accuracy": report.accuracy,
            "verification_auc": report.auc,
            "verification_eer": report.eer,
        }

    return validate


def _check_folds(fold):
    folds = np.unique(fold)
    if len(folds) < 2:
        raise InputError(
            "the protocol must have at least 2 folds: the mean and the threshold of a "
            f"fold come from the others. Received: folds={len(folds)}"
        )


def _run_folds(features, left, right, same, fold, missing):
    """Scores (pairs,), and the accuracy and threshold of each fold."""
    penalty = np.where(same, -1.0, 1.0)
    scores, accuracies, thresholds = penalty.copy(), [], []
    for held_out in np.unique(fold):
        test, train = fold == held_out, (fold != held_out) & ~missing
        if same[train].all() or not same[train].any():
            raise InputError(
                "the other folds of each fold must have genuine and impostor pairs "
                f"with both photos. Received: none for the fold numbered {held_out}"
            )
        mean = _mean_of_pairs(features, left[train], right[train])
        fold_scores = np.where(missing, penalty, _cosines(features - mean, left, right))
        threshold = best_threshold(fold_scores[train], same[train])
        right_calls = (fold_scores >= threshold) == same
        scores[test] = fold_scores[test]
        accuracies.append(float(right_calls[test].mean()))
        thresholds.append(threshold)
    return scores, accuracies, thresholds


def _mean_of_pairs(features, left, right):
    """Mean over both sides of the pairs: a photo counts as often as it is used."""
    uses = np.bincount(np.concatenate([left, right]), minlength=len(features))
    return uses @ features / uses.sum()


def _cosines(features, left, right):
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(norms, np.finfo(np.float64).tiny)
    return np.clip(np.einsum("pd,pd->p", unit[left], unit[right]), -1.0, 1.0)


def _notes(same, missing, unsupported_fars):
    notes = []
    if missing.any():
        notes.append(
            f"{missing.sum()} of {len(same)} pairs lack a photo: they count as wrong "
            "under the protocol and take no part in the operating thresholds."
        )
    for far in unsupported_fars:
        notes.append(
            f"FAR {far:g} needs at least {round(1 / far):,} impostor pairs with both "
            f"photos, and there are {(~same & ~missing).sum():,}: not measured."
        )
    return tuple(notes)
