"""Repeated pictures: the same photo twice, re-encoded, or under two names."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np

from tf_sphereface.evaluation.cleaning.findings import (
    COPY_ELSEWHERE,
    EXACT_COPY,
    NEAR_COPY,
    Finding,
)
from tf_sphereface.evaluation.cleaning.people import People, blocks, joined

# A picture that was re-encoded or scaled stays far above both. The pixels decide; the
# embeddings only say where to look, so that few crops are read.
ALIKE_EMBEDDINGS = 0.85  # cosine
ALIKE_PIXELS = 0.97  # correlation of the small grey pictures
_SMALL = (24, 28)  # width and height of these, pixels
_KEPT_SMALL = 20000  # small pictures in memory, 54 MB


def find_copies(
    rows: np.ndarray,
    people: People,
    nearest: np.ndarray,
    names: list[str],
    digests: list[str],
    read: Callable[[str], np.ndarray],
) -> list[Finding]:
    """Finds crops of one photo, within an identity and under another name.

    Two crops are copies if their files are equal, or if the cosine of their embeddings
    is at least 0.85 and the correlation of their grey pictures, scaled to 24 x 28
    pixels, at least 0.97. Near copies under another name are looked for in the
    identity that each crop is nearest to, exact ones everywhere.

    Args:
        rows: Float (crops, dim), unit rows.
        people: Which crop is whose.
        nearest: Int (crops,), the other identity of the highest score, or -1.
        names: "IDENTITY/FILE" of each crop.
        digests: A checksum of each crop's file.
        read: Gives the crop of a name, uint8 (height, width, 3).

    Returns: A finding for each crop but the first of a set of copies, and one for each
        pair of copies under two names.
    """
    pictures = _SmallPictures(names, read)
    exact = _equal_files(digests)
    # One after another: of a model that tells nobody apart they are all pairs.
    candidates = itertools.chain(
        _alike_within(rows, people), _alike_elsewhere(rows, people, nearest)
    )
    near = [pair for pair in candidates if pictures.alike(*pair)]
    pairs = sorted({*exact, *near})
    within = [p for p in pairs if people.labels[p[0]] == people.labels[p[1]]]
    across = [p for p in pairs if people.labels[p[0]] != people.labels[p[1]]]
    kept = joined(len(names), within)
    findings = []
    for index in map(int, np.flatnonzero(kept != np.arange(len(names)))):
        first = int(kept[index])
        is_exact = digests[index] == digests[first]
        findings.append(
            Finding(
                kind=EXACT_COPY if is_exact else NEAR_COPY,
                crop=names[index],
                identity=people.identities[people.labels[index]],
                own_score=float("nan"),
                other=names[first],
                other_score=float(rows[index] @ rows[first]),
                suggestion=f"the same picture as {names[first]}: keep one",
                drop=True,
            )
        )
    return findings + [_elsewhere(*pair, rows, people, names) for pair in across]


class _SmallPictures:
    """Small grey pictures of crops, of mean 0 and length 1, read when asked for."""

    def __init__(self, names, read):
        self._names, self._read, self._known = names, read, {}

    def alike(self, first, second):
        return float(self._of(first) @ self._of(second)) >= ALIKE_PIXELS

    def _of(self, index):
        if index not in self._known:
            if len(self._known) >= _KEPT_SMALL:
                self._known.pop(next(iter(self._known)))
            grey = cv2.cvtColor(self._read(self._names[index]), cv2.COLOR_RGB2GRAY)
            small = cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA)
            values = small.astype(np.float32).ravel()
            values -= values.mean()
            self._known[index] = values / max(float(np.linalg.norm(values)), 1e-6)
        return self._known[index]


def _equal_files(digests):
    """Pairs of the first and each later crop of equal bytes."""
    first = {}
    for index, digest in enumerate(digests):
        if first.setdefault(digest, index) != index:
            yield first[digest], index


def _alike_within(rows, people):
    for members in people.members:
        for block in blocks(len(members), len(members)):
            scores = rows[members[block]] @ rows[members].T
            for i, j in zip(*np.nonzero(scores >= ALIKE_EMBEDDINGS), strict=True):
                if block.start + i < j:
                    yield int(members[block.start + i]), int(members[j])


def _alike_elsewhere(rows, people, nearest):
    for label, members in enumerate(people.members):
        crops = np.flatnonzero(nearest == label) if len(members) else members
        for block in blocks(len(crops), len(members)):
            scores = rows[crops[block]] @ rows[members].T
            for i, j in zip(*np.nonzero(scores >= ALIKE_EMBEDDINGS), strict=True):
                yield tuple(sorted((int(crops[block][i]), int(members[j]))))


def _elsewhere(first, second, rows, people, names):
    return Finding(
        kind=COPY_ELSEWHERE,
        crop=names[first],
        identity=people.identities[people.labels[first]],
        own_score=float("nan"),
        other=names[second],
        other_score=float(rows[first] @ rows[second]),
        suggestion=f"the same picture as {names[second]}: one of the names is wrong",
        drop=False,
    )
