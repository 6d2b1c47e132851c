"""Summary of a stream of impostor scores from which ranks and rates are exact.

Ranks need no list of scores: for each score of a probe with its own person ("trial"),
the impostors of the probe that score at least as high are counted, as far as the rank
matters. Rates need the largest impostor scores only: TAR at a FAR of 1e-6 over 3.5
thousand million pairs depends on the 3,531 largest.
"""

import dataclasses
import threading
from collections.abc import Sequence

import numpy as np

from tf_sphereface.evaluation.rates.thresholds import supports_far

_BELOW_ALL = np.float32(-2)  # below every cosine, above -inf


@dataclasses.dataclass(frozen=True)
class RatePoint:
    """The best rate of genuine pairs that keeps to a target; NaN if not measured.

    Args:
        threshold: Accept if `score >= threshold`: the lowest score seen that keeps to
            the target.
        far: Share of impostors accepted there.
        tar: Share of genuine pairs accepted there.
    """

    threshold: float
    far: float
    tar: float


class TopScores:
    """The `capacity` largest of all scores that were added, with repetitions.

    Threads may share one: the floor rises with what any of them adds.

    Args:
        capacity: How many; about twice as many are in memory.
    """

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._parts, self._size = [], 0
        self._lock = threading.Lock()
        # Scores below it are not wanted: as many as wanted are at least as large.
        self.floor = _BELOW_ALL if capacity else np.float32(np.inf)

    def add(self, scores: np.ndarray) -> None:
        """Float32 of any shape; -inf is none."""
        scores = scores[scores >= self.floor]
        with self._lock:
            self._parts.append(scores)
            self._size += len(scores)
            if 2 * self._size > 3 * self._capacity:
                self._shrink()

    def falling(self) -> np.ndarray:
        """Float32 (at most capacity,), the largest first."""
        with self._lock:
            self._shrink()
            return np.sort(self._parts[0])[::-1]

    def _shrink(self):
        scores = np.concatenate([np.empty(0, np.float32), *self._parts])
        if 0 < self._capacity < len(scores):
            scores = np.partition(scores, -self._capacity)[-self._capacity :]
            self.floor = scores[0]  # the smallest after the partition
        self._parts, self._size = [scores], len(scores)


class Trials:
    """Scores of probes with their own person, in the order that counting needs.

    Args:
        probe: Int (trials,), rising or not.
        scores: Float32 (trials,), finite.
        probes: Number of probes; some may have no trial, or several.
    """

    def __init__(self, probe: np.ndarray, scores: np.ndarray, probes: int):
        keys = _keys(np.asarray(probe), np.asarray(scores, np.float32))
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        self.scores = np.asarray(scores, np.float32)[self.order]
        self.starts = np.searchsorted(np.asarray(probe)[self.order], range(probes + 1))


class ImpostorTally:
    """Counts the impostors above each trial and keeps the largest impostor scores.

    Counting stops where a trial's rank is beyond `max_rank`: a probe's floor is its
    lowest trial that is still in the race, and scores below the floor are passed over.

    Args:
        trials: Of all probes.
        max_rank: Ranks above it are only known to be above.
        top: Gets the largest impostor scores.
    """

    def __init__(self, trials: Trials, max_rank: int, top: TopScores):
        probes = len(trials.starts) - 1
        self._trials, self._max_rank = trials, max_rank
        self._hits = np.zeros(len(trials.scores), np.int64)
        self._floors = np.full(probes, np.inf, np.float32)
        self._top = top
        self._passed = np.empty(0, bool)  # kept: new memory for each tile is slow
        self.best = np.full(probes, -np.inf, np.float32)
        self._raise_floors(0, probes)

    def add(self, scores: np.ndarray, first_row: int) -> None:
        """Float32 (rows, columns), impostors of the probes from `first_row` on."""
        rows = slice(first_row, first_row + len(scores))
        np.maximum(self.best[rows], scores.max(axis=1), out=self.best[rows])
        floors = np.minimum(self._floors[rows], self._top.floor)
        if self._passed.size < scores.size:
            self._passed = np.empty(scores.size, bool)
        passed = self._passed[: scores.size].reshape(scores.shape)
        np.greater_equal(scores, floors[:, None], out=passed)
        places = np.flatnonzero(passed)
        if not len(places):
            return
        kept, probe = scores.take(places), places // scores.shape[1] + first_row
        self._top.add(kept)
        near = kept >= self._floors[probe]
        if near.any():
            # The highest trial of the probe that the impostor reaches: it and the
            # lower ones lose a rank, which `above` adds up.
            keys = _keys(probe[near], kept[near])
            reached = np.searchsorted(self._trials.keys, keys, side="right") - 1
            np.add.at(self._hits, reached, 1)
            self._raise_floors(rows.start, rows.stop)

    def above(self) -> np.ndarray:
        """Int (trials,), impostors that score at least as high, in the given order.

        Exact below `max_rank`; otherwise some number from `max_rank` on.
        """
        above = np.empty(len(self._hits), np.int64)
        above[self._trials.order] = self._sorted_above(0, len(self.best))
        return above

    def _sorted_above(self, first, stop):
        """Hits of each trial of these probes and of the probe's higher ones."""
        starts = self._trials.starts[first : stop + 1]
        hits = self._hits[starts[0] : starts[-1]]
        total = np.concatenate([[0], np.cumsum(hits)])
        ends = np.repeat(starts[1:], np.diff(starts)) - starts[0]
        return total[ends] - total[:-1]

    def _raise_floors(self, first, stop):
        starts = self._trials.starts[first : stop + 1]
        lost = self._sorted_above(first, stop) >= self._max_rank
        probe = np.repeat(np.arange(stop - first), np.diff(starts))
        # Lower trials lose earlier, so the first that has not lost is the floor.
        first_open = starts[:-1] + np.bincount(probe[lost], minlength=stop - first)
        racing = first_open < starts[1:]
        floors = np.full(stop - first, np.inf, np.float32)
        floors[racing] = self._trials.scores[first_open[racing]]
        self._floors[first:stop] = floors


def rates_at_fars(
    genuine: np.ndarray, falling: np.ndarray, impostors: int, fars: Sequence[float]
) -> dict[float, RatePoint]:
    """The best TAR of all thresholds whose FAR is at most the target.

    Nothing is interpolated: with k = far * impostors rounded down, the threshold may
    accept k impostors, so it must lie above the (k + 1)-th largest impostor score.

    Args:
        genuine: Float (genuine pairs,); -inf is never accepted.
        falling: Float (largest impostors,), falling; all impostors, or enough.
        impostors: How many there are.
        fars: Targets in (0, 1].

    Returns: A point for each target; of NaN if one false acceptance is more than the
        target, if `falling` is too short, or if there is no genuine pair.
    """
    genuine = np.sort(np.asarray(genuine, np.float32))
    falling = np.asarray(falling, np.float32)
    points = {}
    for far in fars:
        allowed = int(far * (1 + 1e-9) * impostors)
        enough = allowed < len(falling) or len(falling) == impostors
        if not (len(genuine) and enough and supports_far(impostors, far)):
            points[far] = RatePoint(*[float("nan")] * 3)
            continue
        barrier = falling[allowed] if allowed < len(falling) else -np.inf
        accepted = genuine[np.searchsorted(genuine, barrier, side="right") :]
        passed = falling[: np.searchsorted(-falling, -barrier, side="left")]
        seen = [*accepted[:1], *passed[-1:]]
        threshold = min(seen, default=np.nextafter(barrier, np.float32(np.inf)))
        points[far] = RatePoint(
            threshold=float(threshold),
            far=len(passed) / impostors,
            tar=len(accepted) / len(genuine),
        )
    return points


def _keys(probe, scores):
    """Int64 that sort by probe, then by score: exact, unlike a float of both."""
    bits = (scores + np.float32(0)).view(np.int32)  # -0 becomes 0
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (probe.astype(np.int64) << 32) + ordered
