"""Verification of videos: YouTube Faces."""

from tf_sphereface.evaluation.video.video_embeddings import (
    VideoMeans,
    mean_of_frames,
    video_means,
)
from tf_sphereface.evaluation.video.youtube_faces import (
    evaluate_videos,
    read_youtube_splits,
)

__all__ = [
    "VideoMeans",
    "evaluate_videos",
    "mean_of_frames",
    "read_youtube_splits",
    "video_means",
]
