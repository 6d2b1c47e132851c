"""Verification of pairs of videos: YouTube Faces' 5,000 pairs in 10 folds."""

import dataclasses
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.names import lies_below
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.pairs.pair_list import Pair, PairList
from tf_sphereface.evaluation.pairs.people import (
    check_folds,
    notes_on_list,
    people_of_pairs,
)
from tf_sphereface.evaluation.rates.bootstrap import RESAMPLES
from tf_sphereface.evaluation.verification.evaluate import evaluate_features
from tf_sphereface.evaluation.verification.intervals import with_intervals
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.evaluation.video.video_embeddings import video_means
from tf_sphereface.progress import Progress
from tf_sphereface.text_lists import is_number, numbered_lines

POOLINGS = ("mean", "frame-pairs")


def read_youtube_splits(path: Path) -> PairList:
    """Reads `splits.txt` of YouTube Faces: 5,000 pairs of videos in 10 folds.

    A line is `SPLIT, NUMBER, PERSON/VIDEO, PERSON/VIDEO, SAME`, with splits from 1 and
    SAME 1 or 0; further fields are not read. The first line may be headings.

    Raises: InputError with the line number for any other content.
    """
    pairs = []
    for number, line in numbered_lines(path, "pairs of videos"):
        fields = [field.strip() for field in line.split(",")]
        if number == 1 and not is_number(fields[0]):
            continue
        videos = fields[2:4]
        good = len(fields) >= 5 and is_number(fields[0])
        good = (
            good
            and int(fields[0]) > 0
            and fields[4] in ("0", "1")
            and all("/" in v for v in videos)
        )
        if not good or not all(map(lies_below, videos)):
            raise InputError(
                f"{path} line {number}: a line must be SPLIT, NUMBER, PERSON/VIDEO, "
                f"PERSON/VIDEO, 1|0. Received: {line!r}"
            )
        if videos[0] == videos[1]:
            raise InputError(
                f"{path} line {number}: a pair must be two videos. Received: {line!r}"
            )
        pairs.append(Pair(*videos, fields[4] == "1", int(fields[0]) - 1))
    if not pairs:
        raise InputError(f"{path}: a list of pairs must not be empty")
    return PairList(tuple(pairs), max(pair.fold for pair in pairs) + 1)


def evaluate_videos(
    source: EmbeddingSource,
    protocol: str,
    pairs: Path,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    pooling: str = "mean",
    frames: int | None = None,
    mirror: bool = True,
    rule: str | None = None,
    missing: str = "wrong",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> VerificationReport:
    """Verification of pairs of videos under the 10-fold protocol.

    With pooling "mean" a video is one face: the mean of its L2-normalised frames, as in
    average pooling (the baseline of J. Yang et al., "Neural aggregation network for
    video face recognition", https://arxiv.org/abs/1603.05474).

    With "frame-pairs" the score is the mean of the cosines of all pairs of frames, one
    of each video, as in FaceNet (F. Schroff et al., https://arxiv.org/abs/1503.03832,
    which takes the first 100 frames of each). It is the product of the two means, so
    that no pair of frames is ever computed; no mean is subtracted, and the threshold of
    a fold is InsightFace's, on the mean squared distance.

    Args:
        source: As for `video_means`.
        protocol: Name in the report.
        pairs: `splits.txt`, see `read_youtube_splits`.
        images: As for `video_means`.
        progress: Called with the videos done and the videos in all.
        pooling: "mean" or "frame-pairs".
        frames: As for `video_means`.
        mirror: As for `EmbeddingSource.features`.
        rule: As for `evaluate_features`; by default "sphereface" with pooling "mean",
            and "insightface", the only one, with "frame-pairs".
        missing: What becomes of a pair with a video without frames: "wrong" counts it
            as an error, "skip" leaves it out, "error" refuses it.
        resamples: For the confidence intervals; 0 gives none.
        seed: For the confidence intervals.

    Raises: InputError if something cannot be read, a video is missing and must not be,
        or options do not fit each other.
    """
    _check(pooling, rule, missing)
    listed = read_youtube_splits(pairs)
    videos = listed.photos()
    same = np.array([pair.same for pair in listed.pairs], bool)
    fold = np.array([pair.fold for pair in listed.pairs])
    check_folds(same, fold)  # before the slow part
    people = people_of_pairs(listed)
    odd = notes_on_list(listed, people)
    found = video_means(source, images, videos, mirror, frames, progress)
    absent = np.isnan(found.means).any(axis=1)
    missing_videos = tuple(np.array(videos)[absent].tolist())
    if missing_videos and missing == "error":
        raise InputError(
            f"{len(missing_videos)} of the {len(videos)} videos have no frame; the "
            f"first is {missing_videos[0]}"
        )
    left, right = _sides(listed, videos)
    kept = ~(absent[left] | absent[right]) | (missing != "skip")
    left, right, same, fold = left[kept], right[kept], same[kept], fold[kept]
    mirror = source.has_mirror(mirror)
    if pooling == "mean":
        options = {"rule": rule or "sphereface", "mirrored": mirror}
        report = evaluate_features(found.means, left, right, same, fold, **options)
    else:
        features = _of_unit_length(found.means)
        right = right + len(videos)
        report = evaluate_features(
            features, left, right, same, fold, rule="insightface"
        )
    report = dataclasses.replace(
        report,
        protocol=protocol,
        notes=(*report.notes, *odd, *_notes(found, pooling, missing_videos, missing)),
        missing_photos=missing_videos,
        source_kind=source.kind,
        embedding_dim=source.embedding_dim,
        mirror=mirror,
        missing=missing,
        people=people.of_pairs(kept),
    )
    return with_intervals(report, resamples, seed) if resamples else report


def _sides(pairs, videos):
    """Rows of the left videos and of the right ones."""
    rows = {video: row for row, video in enumerate(videos)}
    return (np.array([rows[pair[side]] for pair in pairs.pairs]) for side in (0, 1))


def _of_unit_length(means):
    """Rows of length 1, left ones and then right ones, with the same products.

    Protocols L2-normalise what they are given, but the mean of frame pairs is the
    product of means as they are. What a mean lacks to length 1 goes into a coordinate
    that only left rows have, or only right rows, and so into no product.
    """
    lack = np.sqrt(np.maximum(1 - np.square(means).sum(axis=1, keepdims=True), 0))
    none = np.zeros_like(lack)
    left = np.concatenate([means, lack, none], axis=1)
    return np.concatenate([left, np.concatenate([means, none, lack], axis=1)])


def _check(pooling, rule, missing):
    if pooling not in POOLINGS:
        raise InputError(f"`pooling` must be one of {POOLINGS}. Received: {pooling=}")
    if pooling == "frame-pairs" and rule not in (None, "insightface"):
        raise InputError(
            "`rule` must be insightface with pooling frame-pairs: there is no one "
            f"feature of a video to subtract a mean from. Received: {rule=}"
        )
    if missing not in ("wrong", "skip", "error"):
        raise InputError(
            f"`missing` must be wrong, skip or error. Received: {missing=}"
        )


def _notes(found, pooling, missing_videos, missing):
    pooled = {
        "mean": "A video is the mean of its L2-normalised frames",
        "frame-pairs": "A score is the mean of the cosines of all pairs of frames",
    }
    used = found.frames[found.frames > 0]
    notes = [
        f"{pooled[pooling]}: {used.sum():,} frames of {len(used):,} videos, "
        f"{used.min():,} to {used.max():,} each."
    ]
    if missing_videos:
        treated = {"wrong": "pairs with them count as wrong"}
        notes.append(
            f"{len(missing_videos):,} videos have no frame: "
            f"{treated.get(missing, 'pairs with them are left out')}."
        )
    return notes
