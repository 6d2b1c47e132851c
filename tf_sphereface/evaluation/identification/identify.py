"""Identification: who, of a gallery and a crowd of strangers, is on a photo."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification.face_set import (
    FaceSet,
    notes_on_copies,
    present,
)
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.search import (
    LARGEST_TAIL,
    Search,
    make_gallery,
    search_gallery,
    tail_capacity,
    with_distractors,
)
from tf_sphereface.evaluation.rates.thresholds import FAR_TARGETS, supports_far
from tf_sphereface.evaluation.rates.top_scores import rates_at_fars
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import check_same_size, unit_rows

FPIRS = (1e-1, 1e-2, 1e-3)
MAX_RANK = 100


def evaluate_identification(
    probes: FaceSet,
    gallery: FaceSet | None = None,
    distractors: np.ndarray | None = None,
    fars: Sequence[float] = FAR_TARGETS,
    fpirs: Sequence[float] = FPIRS,
    max_rank: int = MAX_RANK,
    missing: str = "wrong",
    protocol: str = "identification",
    progress: Progress | None = None,
) -> IdentificationReport:
    """Ranks the people of a gallery, and distractors, for each probe.

    A score is the cosine of two embeddings; a person's score is the highest of the
    person's gallery photos, and each distractor is a person of its own. The rank of a
    probe is 1 plus the others that score at least as high: ties count against the
    model. With max_rank 1 this is the nearest neighbour of the SphereFace paper.

    Probes whose person is in the gallery are the trials of the CMC. Other probes are
    unknown people: they are in no rank, and what they are taken for makes the FPIR.

    Args:
        probes: Who is looked for.
        gallery: Whom the system knows. None compares each probe with all other probes,
            itself left out.
        distractors: Float (n, dim), strangers in the gallery, perhaps a memory map of
            any length; rows that are not finite are left out.
        fars: Targets of verification, in (0, 1], over all scores of a probe with
            another person. A target that needs more than the `LARGEST_TAIL` largest
            scores is not measured.
        fpirs: Targets of the open set, in (0, 1].
        max_rank: Length of the CMC at most.
        missing: "wrong" counts a missing photo as not recognised (a trial) and as taken
            for someone (an unknown person); "skip" leaves it out; "error" refuses it. A
            photo missing in the gallery is not enrolled; with "wrong" its person still
            counts as one of the gallery.
        protocol: Name in the report.
        progress: Called with the distractors done and the distractors in all.

    Raises: InputError if no probe has its person in the gallery, no photo is there, or
        embeddings differ in size. ValueError for a `max_rank` below 1.

    Reference: CMC and DIR are those of P. J. Phillips, P. Grother and R. Micheals,
        "Evaluation methods in face recognition", Handbook of Face Recognition, 2005.
    """
    if max_rank < 1:
        raise ValueError(f"`max_rank` must be >= 1. Received: {max_rank=}")
    case = _case(probes, gallery, missing)
    crowd = np.empty((0, 1)) if distractors is None else distractors
    there = ~case.probes.missing()
    pairs = int(there.sum()) * (case.people() + len(crowd))
    search = _search(case, crowd, max_rank, tail_capacity(pairs, fars), progress)
    counts = _counts(case, crowd, search)
    mates, ranks, best = _spread(search, there)
    mates, ranks, strangers = mates[case.known], ranks[case.known], best[~case.known]
    recognised = np.where(ranks == 1, mates, -np.inf)
    open_set = rates_at_fars(
        recognised, np.sort(strangers)[::-1], len(strangers), fpirs
    )
    return IdentificationReport(
        protocol=protocol,
        cmc=cumulative(ranks, min(max_rank, case.people() + search.distractors)),
        tar_at_far=rates_at_fars(mates, search.falling, search.impostors, fars),
        dir_at_fpir=open_set if len(strangers) else {},
        counts=counts,
        notes=(
            *_notes(case, counts, fpirs, missing),
            *far_notes(search.impostors, fars),
        ),
        missing_photos=tuple(sorted({name for name in case.missing_rows if name})),
        mate_scores=mates,
        ranks=ranks,
        stranger_scores=strangers,
        falling=search.falling,
    )


def cumulative(ranks: np.ndarray, length: int) -> tuple[float, ...]:
    """Share of the trials of at most rank 1, 2, ..., `length`.

    Args:
        ranks: Int (trials,), at least one; 0 was never found.
    """
    found = np.bincount(ranks[(ranks > 0) & (ranks <= length)], minlength=length + 1)
    return tuple((np.cumsum(found)[1:] / len(ranks)).tolist())


def far_notes(impostors: int, fars: Sequence[float]) -> list[str]:
    """Notes on FAR targets that are not measured."""
    notes = []
    for far in fars:
        if not supports_far(impostors, far):
            notes.append(
                f"FAR {far:g} needs at least {round(1 / far):,} impostor pairs, and "
                f"there are {impostors:,}: not measured."
            )
        elif int(far * impostors) + 1 > LARGEST_TAIL:
            notes.append(
                f"FAR {far:g} of {impostors:,} impostor pairs would take more than the "
                f"{LARGEST_TAIL:,} largest scores that are kept: not measured."
            )
    return notes


class _Case(NamedTuple):
    """Probes and gallery; `gallery` is None for each against all others."""

    probes: FaceSet
    gallery: FaceSet | None
    enrolled: FaceSet
    known: np.ndarray  # bool (probes,), whether the person is in the gallery
    missing_rows: list[str]  # name, perhaps "", of each missing photo

    def people(self) -> int:
        return len(np.unique(self.enrolled.people))


def _case(probes, gallery, missing):
    given = [probes] if gallery is None else [probes, gallery]
    names = [name for faces in given for name in faces.missing_names()]
    probes = present(probes, missing, "probes")
    if gallery is None:
        enrolled = probes
        _, person, photos = np.unique(
            probes.people, return_inverse=True, return_counts=True
        )
        known = photos[person] > 1
    else:
        check_same_size(probes.embeddings, gallery.embeddings, "probes and gallery")
        enrolled = present(gallery, missing, "gallery")
        # Whoever was to be enrolled and has no photo left is no unknown person.
        lost = np.setdiff1d(gallery.people, enrolled.people)
        probes = probes.take(~np.isin(probes.people, lost))
        known = np.isin(probes.people, enrolled.people)
    if not known.any():
        raise InputError(
            "at least one probe must have its person in the gallery, on another photo. "
            f"Received: {len(known)} probes, none of them in the gallery"
        )
    return _Case(probes, gallery, enrolled, known, names)


def _counts(case, distractors, search):
    return {
        "probes": len(case.known),
        "trials": int(case.known.sum()),
        "unknown_probes": int((~case.known).sum()),
        "gallery_people": case.people(),
        "gallery_photos": len(case.enrolled.people),
        "distractors": search.distractors,
        "distractors_missing": len(distractors) - search.distractors,
        "impostor_pairs": search.impostors,
        "missing_photos": len(case.missing_rows),
    }


def _search(case, distractors, max_rank, capacity, progress):
    probes = case.probes.take(~case.probes.missing())
    enrolled = case.enrolled.take(~case.enrolled.missing())
    if not len(probes.people) or not len(enrolled.people):
        raise InputError("none of the photos of the probes or of the gallery is there")
    gallery, places = make_gallery(enrolled.embeddings, enrolled.people)
    rows = unit_rows(np.asarray(probes.embeddings, np.float32))
    own = places if case.gallery is None else None
    search = search_gallery(rows, probes.people, gallery, capacity, own)
    if not len(distractors):
        return search
    return with_distractors(search, rows, distractors, max_rank, capacity, progress)


def _spread(search: Search, there):
    """Scores, ranks and best others of all probes; of a missing one the worst.

    A rank is 0 where the own person was not found.
    """
    mates = np.full(len(there), -np.inf, np.float32)
    best = np.full(len(there), 1, np.float32)  # an alarm, whatever the threshold
    ranks = np.zeros(len(there), int)
    mates[there], best[there] = search.mate_scores, search.best_other
    scored = np.isfinite(search.mate_scores)
    ranks[np.flatnonzero(there)[scored]] = search.above[scored] + 1
    return mates, ranks, best


def _notes(case, counts, fpirs, missing):
    notes = []
    if case.gallery is not None:
        notes += notes_on_copies(case.probes, case.gallery)
    unknown, lost = counts["unknown_probes"], counts["missing_photos"]
    if unknown:
        notes.append(
            f"{unknown:,} of {counts['probes']:,} probes show people whom the gallery "
            "does not know: they are in no rank, and make the FPIR of the open set."
        )
    for fpir in fpirs if unknown else ():
        if not supports_far(unknown, fpir):
            notes.append(
                f"FPIR {fpir:g} needs at least {round(1 / fpir):,} probes of unknown "
                f"people, and there are {unknown:,}: not measured."
            )
    if lost:
        treated = (
            "a missing probe counts as wrong, a missing photo of the gallery is not "
            "enrolled"
            if missing == "wrong"
            else "they are left out"
        )
        notes.append(f"{lost:,} photos of probes or gallery are missing: {treated}.")
    if counts["distractors_missing"]:
        notes.append(
            f"{counts['distractors_missing']:,} distractors are missing: left out."
        )
    return notes
