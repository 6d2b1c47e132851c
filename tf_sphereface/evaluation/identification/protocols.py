"""Identification as `sphereface evaluate` runs it: files in, report out."""

from collections.abc import Sequence
from pathlib import Path

from tf_sphereface.data.photos.exclusions import read_identity_list
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.identify import evaluate_identification
from tf_sphereface.evaluation.identification.lfw_identification import (
    LfwIdentificationReport,
    evaluate_lfw_identification,
    lfw_identification_sets,
)
from tf_sphereface.evaluation.identification.megaface import evaluate_megaface
from tf_sphereface.evaluation.identification.noise_lists import facescrub_noise
from tf_sphereface.evaluation.identification.open_faces import (
    faces_of,
    open_distractors,
    open_faces,
)
from tf_sphereface.progress import Progress


def identify_photos(
    source: EmbeddingSource,
    protocol: str,
    gallery: Sequence[Path],
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    distractors: Path | None = None,
    distractor_noise: Path | None = None,
    mirror: bool = True,
    missing: str = "wrong",
) -> IdentificationReport:
    """Looks for the people of `images`, or of a file of embeddings, in a gallery.

    Args:
        source: What `open_features` gave.
        protocol: Name in the report.
        gallery: Folders of aligned faces or .npz files.
        images: Folder of aligned faces, the probes.
        progress: Called with the photos done and the photos in all.
        distractors: As for `open_distractors`.
        distractor_noise: As for `open_distractors`.
        mirror: As for `EmbeddingSource.features`.
        missing: As for `evaluate_identification`.
    """
    if distractor_noise is not None and distractors is None:
        raise InputError("--distractor-noise needs --distractors")
    crowd = None
    if distractors is not None:
        crowd = open_distractors(
            source, distractors, distractor_noise, mirror, progress
        )
    return evaluate_identification(
        faces_of(source, images, mirror, progress),
        open_faces(source, gallery, mirror, progress),
        crowd,
        missing=missing,
        protocol=protocol,
    )


def nearest_neighbour(
    source: EmbeddingSource,
    protocol: str,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    gallery: Sequence[Path] = (),
    mirror: bool = True,
    missing: str = "wrong",
) -> IdentificationReport:
    """Gives each photo the person of the nearest one, as the SphereFace paper does.

    Args: As `identify_photos`; without a gallery the others of `images` are it.
    """
    enrolled = open_faces(source, gallery, mirror, progress) if gallery else None
    return evaluate_identification(
        faces_of(source, images, mirror, progress),
        enrolled,
        max_rank=1,
        missing=missing,
        protocol=protocol,
    )


def search_megaface(
    source: EmbeddingSource,
    protocol: str,
    distractors: Path,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    probe_noise: Path | None = None,
    distractor_noise: Path | None = None,
    mirror: bool = True,
    missing: str = "wrong",
) -> IdentificationReport:
    """MegaFace's search, as `evaluate_megaface` has it.

    Args: As `identify_photos`; `probe_noise` is as for `facescrub_noise`.
    """
    probes = faces_of(source, images, mirror, progress)
    if probe_noise is not None:
        probes = probes.take(~facescrub_noise(probe_noise, probes.names))
    crowd = open_distractors(source, distractors, distractor_noise, mirror, progress)
    return evaluate_megaface(probes, crowd, missing=missing)


def identify_lfw(
    source: EmbeddingSource,
    protocol: str,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    known: Path | None = None,
    extra: Path | None = None,
    mirror: bool = True,
    missing: str = "wrong",
) -> LfwIdentificationReport:
    """LFW's closed and open set, as `evaluate_lfw_identification` has them.

    Args: As `identify_photos`; `known` and `extra` are files with a name a line, as for
        `lfw_identification_sets`.
    """
    faces = faces_of(source, images, mirror, progress)
    sets = lfw_identification_sets(
        faces.people.tolist(),
        None if known is None else read_identity_list(known),
        None if extra is None else read_identity_list(extra),
    )
    return evaluate_lfw_identification(faces, sets, missing=missing)
