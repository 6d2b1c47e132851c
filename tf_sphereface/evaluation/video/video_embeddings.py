"""One embedding for a video: the mean of its frames."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import unit_rows


class VideoMeans(NamedTuple):
    """Means of the L2-normalised embeddings of frames.

    Their lengths are at most 1, and shorter the less alike the frames are. The product
    of two means is the mean of the cosines of all pairs of frames.

    Args:
        means: Float32 (videos, dim); NaN for a video without frames.
        frames: Int (videos,), how many frames each mean is of.
    """

    means: np.ndarray
    frames: np.ndarray


def mean_of_frames(embeddings: np.ndarray) -> np.ndarray:
    """Mean (dim,) of L2-normalised frames, float (frames, dim); NaN if all are NaN."""
    there = np.isfinite(embeddings).all(axis=1)
    if not there.any():
        return np.full(embeddings.shape[1], np.nan, np.float32)
    return unit_rows(embeddings[there]).mean(axis=0)


def video_means(
    source: EmbeddingSource,
    images_dir: Path | None,
    videos: Sequence[str],
    mirror: bool = True,
    frames: int | None = None,
    progress: Progress | None = None,
) -> VideoMeans:
    """Embeds the frames of videos, one video in memory at a time.

    Args:
        source: A model, or a file of embeddings: its `videos` say which video a frame
            is of, or the names, "VIDEO/FRAME".
        images_dir: Folder of the aligned frames, IMAGES/PERSON/VIDEO/FRAME; a file of
            embeddings needs none.
        videos: "PERSON/VIDEO" of each.
        mirror: As for `EmbeddingSource.features`.
        frames: How many frames of each video, the first by their numbers; None: all.
        progress: Called with the videos done and the videos in all.

    Raises: InputError as `EmbeddingSource.features`; if no video has a frame, or
        `frames` is < 1.
    """
    if frames is not None and frames < 1:
        raise InputError(f"`frames` must be at least 1. Received: {frames=}")
    named = source.frames(videos, images_dir)
    means, counts = {}, np.zeros(len(videos), int)
    for row, video in enumerate(videos):
        names = sorted(named.get(video, ()), key=_by_number)[:frames]
        if names:
            embeddings = source.features(names, images_dir, mirror)
            means[row] = mean_of_frames(embeddings)
            counts[row] = np.isfinite(embeddings).all(axis=1).sum()
        if progress is not None:
            progress(row + 1, len(videos))
    if not means:
        raise InputError(
            f"none of the {len(videos)} videos has a frame; the first is {videos[0]}"
        )
    dim = len(next(iter(means.values())))
    rows = np.full((len(videos), dim), np.nan, np.float32)
    rows[list(means)] = list(means.values())
    return VideoMeans(rows, counts)


def _by_number(name):
    """Sorts 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", name.rpartition("/")[2])
    return [int(part) if part.isdecimal() else part for part in parts]
