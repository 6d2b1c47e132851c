"""IJB-B and IJB-C as `sphereface evaluate` runs them: files in, report out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.templates.ijb_lists import (
    read_photo_list,
    read_subjects,
    read_template_pairs,
)
from tf_sphereface.evaluation.templates.pooling import pool_templates
from tf_sphereface.evaluation.templates.template_evaluation import evaluate_templates
from tf_sphereface.evaluation.templates.template_report import TemplateReport
from tf_sphereface.progress import Progress


def evaluate_ijb(
    source: EmbeddingSource,
    protocol: str,
    templates: Path,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    pairs: Path | None = None,
    gallery: Sequence[Path] = (),
    probes: Path | None = None,
    mirror: bool = True,
) -> TemplateReport:
    """Pools photos into templates, compares pairs of them, looks them up in galleries.

    Args:
        source: What `open_features` gave.
        protocol: Name in the report.
        templates: As for `read_photo_list`.
        images: Folder of the aligned faces, under the names of the list.
        progress: Called with the photos done and the photos in all.
        pairs: As for `read_template_pairs`.
        gallery: One list or two, as for `read_subjects`.
        probes: As for `read_subjects`.
        mirror: As for `EmbeddingSource.features`.

    Raises: InputError if a list cannot be read, or none of the photos is there.
    """
    listed = read_photo_list(templates)
    compared = None if pairs is None else read_template_pairs(pairs)
    galleries = [read_subjects(path) for path in gallery]
    looked_for = None if probes is None else read_subjects(probes)
    # A photo may be in several templates; it is embedded once.
    names, rows = np.unique(np.array(listed.names), return_inverse=True)
    features = source.features(names.tolist(), images, mirror, progress)
    missing = np.isnan(features).any(axis=1)
    if missing.all():
        raise InputError(
            f"none of the {len(names)} photos of {templates} is there; the first is "
            f"{names[0]}"
        )
    pooled = pool_templates(features[rows], listed.template, listed.media)
    report = evaluate_templates(pooled, compared, galleries, looked_for)
    return dataclasses.replace(report, missing_photos=tuple(names[missing].tolist()))
