"""IJB-B and IJB-C as `sphereface evaluate` runs them: files in, report out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.templates.ijb_lists import (
    read_photo_list,
    read_photo_scores,
    read_subjects,
    read_template_pairs,
)
from tf_sphereface.evaluation.templates.insightface_rule import RULE
from tf_sphereface.evaluation.templates.pooling import pool_templates
from tf_sphereface.evaluation.templates.template_evaluation import (
    check_rule,
    evaluate_templates,
)
from tf_sphereface.evaluation.templates.template_report import TemplateReport
from tf_sphereface.evaluation.verification.rules import compared_features
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
    rule: str | None = None,
    photo_scores: Path | None = None,
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
        rule: None, or "insightface": embedding and mirror image are added, each photo
            counts by the length of that, and rates are as `evaluate_templates` has
            them by this rule.
        photo_scores: As for `read_photo_scores`, for this rule: photos are weighed by
            the detector's scores too.

    Raises: InputError if a list cannot be read, or none of the photos is there.
    """
    check_rule(rule)
    if photo_scores is not None and rule is None:
        raise InputError(f"photo scores are for the rule {RULE}: say --rule {RULE}")
    listed = read_photo_list(templates)
    weights = None
    if photo_scores is not None:
        weights = read_photo_scores(photo_scores, listed.names)
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
    if rule == RULE:
        features = compared_features(features, rule, source.has_mirror(mirror))
    features = features[rows]
    if weights is not None:
        features = features * weights[:, None]
    pooled = pool_templates(features, listed.template, listed.media, rule == RULE)
    report = evaluate_templates(pooled, compared, galleries, looked_for, rule=rule)
    return dataclasses.replace(report, missing_photos=tuple(names[missing].tolist()))
