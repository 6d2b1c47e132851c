"""Exact search: the scores of a face with every person of a gallery."""

from typing import Literal, NamedTuple, Protocol

import numpy as np

from tf_sphereface.similarity import check_same_size, unit_rows

RULES = ("best", "mean", "top-k")
Rule = Literal[RULES]
_ROWS_AT_ONCE = 1 << 14
_SCORES_AT_ONCE = 1 << 22  # of some probes with all templates, 16 MB


class Candidate(NamedTuple):
    """A person of the gallery and the score of a face with that person.

    Args:
        name: Of the person.
        score: Cosine, -1..1, by the rule.
    """

    name: str
    score: float


class Searchable(Protocol):
    """People who can be searched for the nearest to a face."""

    def nearest(
        self, probe: np.ndarray, rule: Rule = "best", k: int = 3, most: int = 2
    ) -> list[Candidate]:
        """The people of the highest scores with a face, highest first."""


def check_rule(rule: str, k: int) -> None:
    """Refuses other rules than `RULES`, and a `k` of less than 1.

    Raises: ValueError.
    """
    if rule not in RULES or k < 1:
        raise ValueError(
            f"`rule` must be one of {RULES}, and `k` at least 1. "
            f"Received: rule={rule!r}, k={k!r}"
        )


class TemplateMatrix:
    """All templates of a gallery in one contiguous matrix, person after person.

    Args:
        features: Float (templates, dim), finite and not zero.
        owners: Int (templates,), the place of each template's person in `names`.
        names: Of the people; each has a template at least.
        in_place: Whether features in float32 and in the order of their people may be
            written over, which saves the memory of a copy.
    """

    def __init__(
        self,
        features: np.ndarray,
        owners: np.ndarray,
        names: list[str],
        in_place: bool = False,
    ):
        self._owners = np.asarray(owners)
        if (np.diff(self._owners) < 0).any():
            order = np.argsort(self._owners, kind="stable")
            features, self._owners = features[order], self._owners[order]
        self._rows = np.array(
            features, np.float32, order="C", copy=None if in_place else True
        )
        for start in range(0, len(features), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            self._rows[part] = unit_rows(features[part])
        self._counts = np.bincount(self._owners, minlength=len(names))
        self._starts = np.cumsum(self._counts) - self._counts
        self.names = names

    def __len__(self) -> int:
        """Number of templates."""
        return len(self._rows)

    def scores(self, probes: np.ndarray, rule: Rule = "best", k: int = 3) -> np.ndarray:
        """Scores of faces with every person.

        Args:
            probes: Float (faces, dim), finite and not zero.
            rule: The score is that of the person's best template, the mean over all of
                them, or the mean of the k best ("top-k"; of all, if there are fewer).
            k: Of "top-k", at least 1.

        Returns: Float32 (faces, people).
        Raises: ValueError if the rule is unknown, or `k` is less than 1; InputError if
            the features have another length.
        """
        check_rule(rule, k)
        check_same_size(np.asarray(probes), self._rows, "probes and gallery")
        probes = unit_rows(np.asarray(probes, np.float32))
        found = np.empty((len(probes), len(self.names)), np.float32)
        if not self.names:
            return found
        step = max(1, _SCORES_AT_ONCE // len(self))
        for start in range(0, len(probes), step):
            # One row by the matrix-vector product, which reads the matrix once.
            part = probes[start : start + step]
            scores = (
                (self._rows @ part[0])[None] if len(part) == 1 else part @ self._rows.T
            )
            found[start : start + step] = self._by_person(scores, rule, k)
        return found

    def nearest(
        self, probe: np.ndarray, rule: Rule = "best", k: int = 3, most: int = 2
    ) -> list[Candidate]:
        """The people of the highest scores with a face, highest first.

        Args:
            probe: Float (dim,).
            rule: As for `scores`.
            k: As for `scores`.
            most: Number of people to give.
        """
        check_rule(rule, k)
        check_same_size(np.asarray(probe)[None], self._rows, "probes and gallery")
        scores = self._rows @ unit_rows(np.asarray(probe, np.float32))
        if rule == "best":  # all looks at a person's templates that are needed
            return self._highest(scores, self._starts, self._counts, most)
        scores = self._by_person(scores[None], rule, k)[0] if self.names else scores
        people = np.arange(len(self.names))
        return self._highest(scores, people, np.ones_like(people), most)

    def _highest(self, scores, starts, counts, most):
        """The people of the highest of some scores; of equal ones the first."""
        found = []
        for _ in range(min(most, len(self.names))):
            place = int(scores.argmax())
            person = int(np.searchsorted(starts, place, "right")) - 1
            found.append(Candidate(self.names[person], float(scores[place])))
            start = starts[person]
            scores[start : start + counts[person]] = -np.inf
        return found

    def _by_person(self, scores, rule, k):
        if rule == "best":
            return np.maximum.reduceat(scores, self._starts, axis=1)
        if rule == "mean":
            return np.add.reduceat(scores, self._starts, axis=1) / self._counts
        rank = np.arange(len(self)) - self._starts[self._owners]
        kept = np.where(rank < k, 1, 0).astype(np.float32)
        falling = np.stack([row[np.lexsort((-row, self._owners))] for row in scores])
        sums = np.add.reduceat(falling * kept, self._starts, axis=1)
        return sums / np.minimum(self._counts, k)
