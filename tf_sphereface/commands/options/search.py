"""Options of `sphereface evaluate` for identification, templates and videos."""

import argparse
from pathlib import Path


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Adds them, without defaults: the protocols have those."""
    search = parser.add_argument_group("identification")
    search.add_argument(
        "--gallery",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="whom the system knows: folder of aligned faces or .npz; with ijb one or "
        "two lists TEMPLATE,SUBJECT",
    )
    search.add_argument(
        "--distractors",
        type=Path,
        metavar="PATH",
        help="strangers: folder of aligned faces, .npz, or .npy of embeddings (n, dim) "
        "of any size, which is read in pieces",
    )
    search.add_argument(
        "--probe-noise",
        type=Path,
        metavar="FILE",
        help="photos to leave out: a file name a line, as facescrub_noises.txt",
    )
    search.add_argument(
        "--distractor-noise",
        type=Path,
        metavar="FILE",
        help="distractors to leave out: a path a line, as megaface_noises.txt",
    )
    for name, who in (
        ("known", "people to enrol in the open set (default: all with two photos)"),
        ("extra", "other people of the closed gallery (default: all others)"),
    ):
        search.add_argument(
            f"--{name}", type=Path, metavar="FILE", help=f"{who}: a name a line"
        )
    templates = parser.add_argument_group("templates")
    templates.add_argument(
        "--templates",
        type=Path,
        metavar="FILE",
        help="PHOTO TEMPLATE MEDIA lines, as ijbc_face_tid_mid.txt",
    )
    templates.add_argument(
        "--probes",
        type=Path,
        metavar="FILE",
        help="TEMPLATE,SUBJECT lines, as ijbc_1N_probe_mixed.csv",
    )
    templates.add_argument(
        "--photo-scores",
        type=Path,
        metavar="FILE",
        help="with --rule insightface, NAME ... SCORE lines, as "
        "ijbc_name_5pts_score.txt: photos count by the detector's score",
    )
    videos = parser.add_argument_group("videos")
    videos.add_argument(
        "--pooling",
        choices=("mean", "frame-pairs"),
        help="score of two videos: the cosine of their mean frames (default), or the "
        "mean of the cosines of all pairs of frames",
    )
    videos.add_argument(
        "--frames",
        type=int,
        metavar="N",
        help="of each video, the first N (default: all)",
    )
