"""Each probe's rank among the people of a gallery and a crowd of strangers."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_sphereface.evaluation.rates.top_scores import ImpostorTally, TopScores, Trials
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import (
    check_same_size,
    scan_scores,
    unit_rows,
    usable_cores,
)

LARGEST_TAIL = 1 << 24  # impostor scores kept for rates, 64 MB
_GALLERY_SCORES = 1 << 22  # of probes with the gallery, in memory at once


class Gallery(NamedTuple):
    """The enrolled photos, person after person.

    Args:
        rows: Float32 (photos, dim), unit rows.
        people: The names, sorted.
        starts: Int (people,), each person's first photo.
    """

    rows: np.ndarray
    people: np.ndarray
    starts: np.ndarray


def make_gallery(embeddings: np.ndarray, people: np.ndarray):
    """Sorts photos by person.

    Args:
        embeddings: Float (photos, dim), finite.
        people: Text (photos,).

    Returns: The gallery, and int (photos,), the place of each photo in it.
    """
    order = np.argsort(people, kind="stable")
    names, starts = np.unique(np.asarray(people)[order], return_index=True)
    places = np.empty(len(order), int)
    places[order] = np.arange(len(order))
    return Gallery(
        unit_rows(np.asarray(embeddings, np.float32))[order], names, starts
    ), places


@dataclasses.dataclass(frozen=True)
class Search:
    """Result of a search.

    Args:
        mate_scores: Float32 (trials,), with the own person; -inf where there is none.
        above: Int (trials,), other people that score at least as high: the rank is 1
            more. Exact below the highest rank that was asked for.
        best_other: Float32 (probes,), the highest score with another person; -inf if
            there is none.
        falling: Float32, the largest scores with other people, falling.
        impostors: How many scores with other people there are.
        distractors: How many of them had a photo.
        nearest: Text (probes,), person of the highest score within the gallery.
    """

    mate_scores: np.ndarray
    above: np.ndarray
    best_other: np.ndarray
    falling: np.ndarray
    impostors: int
    distractors: int
    nearest: np.ndarray | None = None


def tail_capacity(impostors: int, fars: Sequence[float]) -> int:
    """Number of the largest impostor scores that the FAR targets depend on.

    Targets that would need more than `LARGEST_TAIL` are not measured.
    """
    needed = [int(far * (1 + 1e-9) * impostors) + 1 for far in fars]
    return max((size for size in needed if size <= LARGEST_TAIL), default=0)


def search_gallery(
    probes: np.ndarray,
    probe_people: np.ndarray,
    gallery: Gallery,
    capacity: int,
    own_places: np.ndarray | None = None,
) -> Search:
    """Scores probes against the people of a gallery.

    A person's score is the highest of the person's photos. Another person with the same
    score as the own one stands before it: a tie is no recognition.

    Args:
        probes: Float32 (probes, dim), unit rows.
        probe_people: Text (probes,).
        gallery: Any number of photos a person.
        capacity: Of the largest impostor scores.
        own_places: Int (probes,), place of the probe's own photo, which is left out:
            each photo against all others. None if probes and gallery share none.
    """
    check_same_size(probes, gallery.rows, "probes and gallery")
    person = np.searchsorted(gallery.people, probe_people)
    person = np.minimum(person, len(gallery.people) - 1)
    known = gallery.people[person] == probe_people
    top, impostors, parts = TopScores(capacity), 0, []
    step = max(1, _GALLERY_SCORES // len(gallery.rows))
    for start in range(0, len(probes), step):
        rows = np.arange(start, min(start + step, len(probes)))
        scores = probes[rows] @ gallery.rows.T
        if own_places is not None:
            scores[rows - start, own_places[rows]] = -np.inf
        scores = np.maximum.reduceat(scores, gallery.starts, axis=1)
        nearest = gallery.people[scores.argmax(axis=1)]
        own = (rows[known[rows]] - start, person[rows[known[rows]]])
        mates = np.full(len(rows), -np.inf, np.float32)
        mates[own[0]] = scores[own]
        scores[own] = -np.inf
        # A person whose only photo is the probe itself is not there.
        others = scores > -np.inf
        impostors += int(np.count_nonzero(others))
        above = np.count_nonzero(others & (scores >= mates[:, None]), axis=1)
        parts.append((mates, above, scores.max(axis=1), nearest))
        top.add(scores)
    mates, above, best, nearest = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Search(mates, above, best, top.falling(), impostors, 0, nearest)


def search_distractors(
    probes: np.ndarray,
    trial_probe: np.ndarray,
    trial_scores: np.ndarray,
    distractors: np.ndarray,
    max_rank: int,
    capacity: int,
    progress: Progress | None = None,
) -> Search:
    """Scores probes against strangers, each a person of its own.

    Args:
        probes: Float32 (probes, dim), unit rows.
        trial_probe: Int (trials,), each trial's probe; a probe may have several.
        trial_scores: Float32 (trials,), finite.
        distractors: Float (n, dim), as `scan_scores` takes them.
        max_rank: Higher ranks are only known to be higher.
        capacity: Of the largest impostor scores.
        progress: Called with the distractors done and the distractors in all.

    Returns: `mate_scores` as given, the rest of the distractors alone.
    """
    trials = Trials(trial_probe, trial_scores, len(probes))
    top = TopScores(capacity)
    tallies = [ImpostorTally(trials, max_rank, top) for _ in range(usable_cores())]
    found = scan_scores(probes, distractors, tallies, progress)
    return Search(
        mate_scores=np.asarray(trial_scores, np.float32),
        above=sum(tally.above() for tally in tallies),
        best_other=np.max([tally.best for tally in tallies], axis=0),
        falling=top.falling(),
        impostors=len(probes) * found,
        distractors=found,
    )


def with_distractors(
    search: Search,
    probes: np.ndarray,
    distractors: np.ndarray,
    max_rank: int,
    capacity: int,
    progress: Progress | None = None,
) -> Search:
    """Adds distractors to the other people of a search in a gallery."""
    mated = np.flatnonzero(np.isfinite(search.mate_scores))
    crowd = search_distractors(
        probes,
        mated,
        search.mate_scores[mated],
        distractors,
        max_rank,
        capacity,
        progress,
    )
    both = np.concatenate([search.falling, crowd.falling])
    above = search.above.copy()
    above[mated] += crowd.above
    return dataclasses.replace(
        search,
        above=above,
        best_other=np.maximum(search.best_other, crowd.best_other),
        falling=np.sort(both)[::-1][:capacity],
        impostors=search.impostors + crowd.impostors,
        distractors=crowd.distractors,
    )
