"""One embedding for a video: the mean of its frames."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_sphereface.data.photos.images import PHOTO_SUFFIXES
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.features import features_of
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile
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
    source: EmbeddingSource | EmbeddingFile,
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
        mirror: As for `features_of`.
        frames: How many frames of each video, the first by their numbers; None: all.
        progress: Called with the videos done and the videos in all.

    Raises: InputError as `features_of`; if no video has a frame, or `frames` is < 1.
    """
    if frames is not None and frames < 1:
        raise InputError(f"`frames` must be at least 1. Received: {frames=}")
    named = _frames(source, images_dir, videos)
    means, counts = {}, np.zeros(len(videos), int)
    for row, video in enumerate(videos):
        names = sorted(named.get(video, ()), key=_by_number)[:frames]
        if names:
            embeddings = features_of(source, images_dir, names, mirror)
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


def _frames(source, images_dir, videos):
    """Names of the frames of each video."""
    if isinstance(source, EmbeddingFile):
        of_frames = source.parts.get("videos")
        if of_frames is None:
            of_frames = [name.rpartition("/")[0] for name in source.names]
        named = {}
        for name, video in zip(source.names, of_frames, strict=True):
            named.setdefault(str(video), []).append(name)
        return named
    if images_dir is None or not Path(images_dir).is_dir():
        raise InputError(f"no such folder of aligned frames: {images_dir}")
    return {
        video: [
            f"{video}/{file.name}"
            for file in (Path(images_dir) / video).glob("*")
            if file.suffix.lower() in PHOTO_SUFFIXES
        ]
        for video in videos
    }


def _by_number(name):
    """Sorts 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", name.rpartition("/")[2])
    return [int(part) if part.isdecimal() else part for part in parts]
