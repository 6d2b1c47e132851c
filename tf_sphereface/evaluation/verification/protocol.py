"""Verification as `sphereface evaluate` runs it: files in, report out."""

import dataclasses
from pathlib import Path

from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource
from tf_sphereface.evaluation.pairs.formats import READERS
from tf_sphereface.evaluation.rates.bootstrap import RESAMPLES
from tf_sphereface.evaluation.verification.evaluate import evaluate_verification
from tf_sphereface.evaluation.verification.fairness import read_groups, with_groups
from tf_sphereface.evaluation.verification.intervals import with_intervals
from tf_sphereface.evaluation.verification.report import VerificationReport
from tf_sphereface.progress import Progress


def verify_pair_list(
    source: EmbeddingSource,
    protocol: str,
    pairs: Path,
    images: Path | None = None,
    progress: Progress | None = None,
    *,
    mirror: bool = True,
    rule: str = "sphereface",
    missing: str = "wrong",
    resamples: int = RESAMPLES,
    seed: int = 0,
    groups: Path | None = None,
) -> VerificationReport:
    """Scores a model, or a file of embeddings, on a published or own list of pairs.

    Args:
        source: What `open_features` gave.
        protocol: Which format the list has: a key of `pairs.formats.READERS`.
        pairs: The list; of CFP the folder `Protocol`.
        images: Folder of the aligned faces; a file of embeddings needs none.
        progress: Called with the photos done and the photos in all.
        mirror: As for `evaluate_verification`.
        rule: As for `evaluate_features`.
        missing: As for `evaluate_verification`.
        resamples: For the confidence intervals; 0 gives none.
        seed: For the confidence intervals.
        groups: CSV of person and group, for the rates of each group.

    Raises: InputError if something cannot be read, or the pairs do not suffice.
    """
    listed = READERS[protocol](pairs)
    known_groups = None if groups is None else read_groups(groups)
    report = evaluate_verification(
        source, images, listed, mirror, progress, rule=rule, missing=missing
    )
    report = dataclasses.replace(report, protocol=protocol)
    if resamples:
        report = with_intervals(report, resamples, seed)
    if known_groups is not None:
        report = with_groups(report, known_groups, resamples, seed)
    return report
