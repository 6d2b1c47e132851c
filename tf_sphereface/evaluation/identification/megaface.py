"""MegaFace's identification and verification among up to a million strangers."""

from collections.abc import Sequence

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification.face_set import FaceSet, present
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.identify import (
    MAX_RANK,
    cumulative,
    far_notes,
)
from tf_sphereface.evaluation.identification.search import (
    search_distractors,
    tail_capacity,
)
from tf_sphereface.evaluation.rates.thresholds import FAR_TARGETS
from tf_sphereface.evaluation.rates.top_scores import rates_at_fars
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import check_same_size, unit_rows


def evaluate_megaface(
    probes: FaceSet,
    distractors: np.ndarray,
    fars: Sequence[float] = FAR_TARGETS,
    max_rank: int = MAX_RANK,
    missing: str = "wrong",
    progress: Progress | None = None,
) -> IdentificationReport:
    """Each photo of a person looks for each other one among the distractors.

    With n photos a person makes n (n - 1) trials. In a trial the gallery is one photo
    of the person and all distractors, and the rank is 1 plus the distractors that score
    at least as high. Photos of the other people of the probes are in no gallery.
    Verification: genuine pairs are the trials, impostor pairs each probe with each
    distractor. MegaFace's FaceScrub set has 3,530 photos of 80 people.

    Args:
        probes: Photos with their people; noisy ones taken out (`noise_lists.py`).
        distractors: Float (n, dim), perhaps a memory map; rows that are not finite are
            left out.
        fars: Targets in (0, 1]; see `evaluate_identification`.
        max_rank: Length of the CMC at most.
        missing: "wrong" counts each trial with a missing photo as not recognised;
            "skip" leaves the trials out; "error" refuses missing photos.
        progress: Called with the distractors done and the distractors in all.

    Raises: InputError if nobody has two photos, there is no distractor, or embeddings
        differ in size. ValueError for a `max_rank` below 1.

    Reference: Kemelmacher-Shlizerman et al., "The MegaFace benchmark: 1 million faces
        for recognition at scale", https://arxiv.org/abs/1512.00596. Its tool breaks
        ties in the order of its sort; here they count against the model.
    """
    if max_rank < 1:
        raise ValueError(f"`max_rank` must be >= 1. Received: {max_rank=}")
    names = probes.missing_names()
    probes = present(probes, missing, "probes")
    check_same_size(probes.embeddings, distractors, "probes and distractors")
    there = ~probes.missing()
    trials = _trials(probes.people)
    if not len(trials):
        raise InputError("at least one person of the probes must have two photos")
    if not len(distractors) or not there.any():
        raise InputError(
            "there must be a distractor and a probe with a photo. Received: "
            f"{len(distractors)} distractors, {int(there.sum())} probes"
        )
    rows = unit_rows(np.float32(np.where(there[:, None], probes.embeddings, 0)))
    mates = np.full(len(trials), -np.inf, np.float32)
    scored = there[trials].all(axis=1)
    mates[scored] = np.einsum("td,td->t", *(rows[side] for side in trials[scored].T))
    search = search_distractors(
        rows[there],
        (np.cumsum(there) - 1)[trials[scored, 0]],
        mates[scored],
        distractors,
        max_rank,
        tail_capacity(int(there.sum()) * len(distractors), fars),
        progress,
    )
    if not search.distractors:
        raise InputError(
            f"all {len(distractors):,} distractors are missing: their embeddings are "
            "not finite"
        )
    ranks = np.zeros(len(trials), int)
    ranks[scored] = search.above + 1
    return _report(
        probes, names, len(distractors), search, mates, ranks, max_rank, fars
    )


def _trials(people):
    """Int (trials, 2): probe and gallery photo of one person, all ordered pairs."""
    order = np.argsort(people, kind="stable")
    _, counts = np.unique(np.asarray(people)[order], return_counts=True)
    pairs = []
    for members in np.split(order, np.cumsum(counts)[:-1]):
        first, second = np.nonzero(~np.eye(len(members), dtype=bool))
        pairs.append(np.stack([members[first], members[second]], axis=1))
    return np.concatenate(pairs) if pairs else np.empty((0, 2), int)


def _report(probes, names, distractors, search, mates, ranks, max_rank, fars):
    counts = {
        "probes": len(probes.people),
        "people": len(np.unique(probes.people)),
        "trials": len(ranks),
        "distractors": search.distractors,
        "distractors_missing": distractors - search.distractors,
        "impostor_pairs": search.impostors,
        "missing_photos": len(names),
    }
    notes = far_notes(search.impostors, fars)
    lost = int((ranks == 0).sum())
    if lost:
        notes.append(f"{lost:,} trials lack a photo: they count as not recognised.")
    if counts["distractors_missing"]:
        notes.append(
            f"{counts['distractors_missing']:,} distractors are missing: left out."
        )
    return IdentificationReport(
        protocol="megaface",
        cmc=cumulative(ranks, min(max_rank, 1 + search.distractors)),
        tar_at_far=rates_at_fars(mates, search.falling, search.impostors, fars),
        dir_at_fpir={},
        counts=counts,
        notes=tuple(notes),
        missing_photos=tuple(sorted({name for name in names if name})),
        mate_scores=mates,
        ranks=ranks,
        falling=search.falling,
    )
