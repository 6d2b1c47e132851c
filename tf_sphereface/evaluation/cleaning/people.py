"""Robust centres of people in the space of embeddings, and scores against them."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.similarity import unit_rows

_ROUNDS = 5
_BLOCK = 1 << 22  # scores in memory at once, 16 MB
_BINS = 4000


@dataclasses.dataclass(frozen=True)
class People:
    """The crops of a collection by person.

    Args:
        identities: Names, sorted.
        labels: Int (crops,), position of each crop's identity.
        members: Positions of the crops of each identity.
    """

    identities: tuple[str, ...]
    labels: np.ndarray
    members: tuple[np.ndarray, ...]


def group_by_person(names: list[str]) -> People:
    """Groups crops "IDENTITY/FILE" by their identity."""
    identities, labels = np.unique(
        np.array(list(map(identity_of, names)), object), return_inverse=True
    )
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=len(identities)))[:-1]
    return People(tuple(identities), labels, tuple(np.split(order, ends)))


def trimmed_centre(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction of one person, though some of the crops show another.

    Starts at the medoid and takes the mean of the nearer half, five times, as FAST-LTS
    does: less than half of wrong crops do not move it far.

    Args:
        rows: Float (k, dim), unit rows, k at least 1.

    Returns: Float32 (dim,), of length 1; and the positions of the nearer half, at
        least two if there are two.
    """
    size = min(len(rows), max(2, (len(rows) + 1) // 2))
    centre = rows[np.argmax(rows @ rows.sum(axis=0))]
    core = np.arange(size)
    for _ in range(_ROUNDS):
        core = np.sort(np.argsort(-(rows @ centre), kind="stable")[:size])
        centre = unit_rows(rows[core].sum(axis=0))
    return centre, core


def scores_within(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of each crop of a person with the person's centre, made without the crop.

    Args:
        rows: Float (k, dim), unit rows of one person.

    Returns: The centre (dim,); and float32 (k,), NaN if the crop is the only one.
    """
    centre, core = trimmed_centre(rows)
    scores = rows @ centre
    others = unit_rows(rows[core].sum(axis=0) - rows[core])
    scores[core] = (rows[core] * others).sum(axis=1)
    return centre, scores if len(rows) > 1 else np.full(1, np.nan, np.float32)


def score_people(
    rows: np.ndarray, people: People, left_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`scores_within` of every person.

    Args:
        rows: Float (crops, dim), unit rows.
        people: Which crop is whose.
        left_out: Bool (crops,), crops that count for no centre; None counts all.

    Returns: Centres, float32 (people, dim), NaN for a person with no crop left; and
        float32 (crops,), NaN for crops that are left out or alone.
    """
    centres = np.full((len(people.members), rows.shape[1]), np.nan, np.float32)
    scores = np.full(len(rows), np.nan, np.float32)
    for label, members in enumerate(people.members):
        if left_out is not None:
            members = members[~left_out[members]]
        if len(members):
            centres[label], scores[members] = scores_within(rows[members])
    return centres, scores


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows whose products with all columns fit in memory."""
    size = max(1, _BLOCK // max(columns, 1))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


@dataclasses.dataclass(frozen=True)
class Strangers:
    """Scores of crops against the centres of other people.

    Args:
        nearest: Int (crops,), the person of the highest score; -1 if there is no other.
        scores: Float32 (crops,), that score; NaN if there is no other.
        counts: Int (bins,), histogram of all scores of crops with other people.
        edges: Float (bins + 1,).
    """

    nearest: np.ndarray
    scores: np.ndarray
    counts: np.ndarray
    edges: np.ndarray

    def quantile(self, share: float) -> float:
        """The score that `share` of all scores do not exceed; NaN if there is none.

        Exact to the width of a bin, 0.0005.
        """
        total = self.counts.sum()
        if not total:
            return float("nan")
        place = np.searchsorted(np.cumsum(self.counts), share * total)
        return float(self.edges[min(place + 1, len(self.counts))])


def score_strangers(
    rows: np.ndarray,
    labels: np.ndarray,
    centres: np.ndarray,
    groups: np.ndarray,
    count: bool = True,
) -> Strangers:
    """Scores each row against the centres of all other people, in blocks.

    Args:
        rows: Float (n, dim), unit rows.
        labels: Int (n,), person of each row.
        centres: Float (people, dim), unit rows; NaN rows are no centres.
        groups: Int (people,); people of one group are not other people.
        count: Makes the histogram, which takes as long as the scores.
    """
    nearest = np.full(len(rows), -1)
    best = np.full(len(rows), np.nan, np.float32)
    edges = np.linspace(-1, 1, _BINS + 1)
    counts = np.zeros(_BINS, np.int64)
    for block in blocks(len(rows), len(centres)):
        scores = rows[block] @ centres.T
        scores[groups[labels[block]][:, None] == groups[None, :]] = np.nan
        scores[np.isnan(scores)] = -np.inf
        if count:
            counts += np.histogram(scores, edges)[0]
        nearest[block] = scores.argmax(axis=1)
        best[block] = scores.max(axis=1)
    alone = np.isinf(best)
    nearest[alone], best[alone] = -1, np.nan
    return Strangers(nearest, best, counts, edges)


def joined(count: int, pairs: Iterable[tuple]) -> np.ndarray:
    """The smallest of 0..count-1 that each is joined to, through others too.

    Args:
        count: Number of things.
        pairs: Two joined things first, and what else there is.
    """
    roots = list(range(count))

    def root(index):
        while roots[index] != index:
            index = roots[index]
        return index

    for first, second, *_ in pairs:
        low, high = sorted((root(first), root(second)))
        roots[high] = low
    return np.array([root(index) for index in range(count)], int)
