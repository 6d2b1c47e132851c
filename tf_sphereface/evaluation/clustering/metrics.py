"""Agreement of clusters with people: pairwise and BCubed precision, recall and F."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """Fractions, 1 is perfect.

    Args:
        precision: Of what was put together, what belongs together.
        recall: Of what belongs together, what was put together.
        f: Their harmonic mean; 0 if both are 0.
    """

    precision: float
    recall: float
    f: float


def pairwise_agreement(clusters: np.ndarray, people: Sequence) -> Agreement:
    """Over pairs of faces: in one cluster, and of one person.

    NaN precision where no two faces are in one cluster, NaN recall where no person has
    two faces; F is NaN then.

    Args:
        clusters: Integer (faces,); each -1 is a cluster of its own.
        people: (faces,), who each face is.

    Raises: ValueError if the lengths differ or are 0.
    """
    cells = _Cells(clusters, people)
    together = _pairs(cells.counts)
    return _agreement(
        _share(together, _pairs(cells.in_cluster)),
        _share(together, _pairs(cells.of_person)),
    )


def bcubed_agreement(clusters: np.ndarray, people: Sequence) -> Agreement:
    """BCubed: means over faces, so that large clusters do not outvote all others.

    The precision of a face is the share of its cluster that is of its person, itself
    counted; its recall the share of its person that is in its cluster.

    Args:
        clusters: As for `pairwise_agreement`.
        people: As for `pairwise_agreement`.

    Raises: ValueError if the lengths differ or are 0.
    References: Bagga & Baldwin, ACL 1998; Amigo et al., "A comparison of extrinsic
        clustering evaluation metrics", Information Retrieval 2009.
    """
    cells = _Cells(clusters, people)
    faces = cells.counts.sum()
    squares = cells.counts.astype(np.float64) ** 2
    return _agreement(
        float((squares / cells.in_cluster[cells.cluster]).sum() / faces),
        float((squares / cells.of_person[cells.person]).sum() / faces),
    )


class _Cells:
    """Number of faces of each person in each cluster, without the zeros."""

    def __init__(self, clusters, people):
        clusters = np.asarray(clusters)
        if clusters.ndim != 1 or len(clusters) != len(people) or not len(clusters):
            raise ValueError(
                "`clusters` and `people` must both be (faces,), at least one face. "
                f"Received: clusters={clusters.shape}, people={len(people)}"
            )
        alone = clusters < 0
        clusters = np.where(alone, clusters.max() + 1 + np.arange(len(alone)), clusters)
        clusters = np.unique(clusters, return_inverse=True)[1]
        people = np.unique(list(people), return_inverse=True)[1]
        self.in_cluster, self.of_person = np.bincount(clusters), np.bincount(people)
        keys = clusters.astype(np.int64) * len(self.of_person) + people
        cells, self.counts = np.unique(keys, return_counts=True)
        self.cluster, self.person = np.divmod(cells, len(self.of_person))


def _pairs(counts):
    counts = counts.astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _share(part, whole):
    return part / whole if whole else math.nan


def _agreement(precision, recall):
    if precision + recall == 0:
        return Agreement(precision, recall, 0.0)
    return Agreement(precision, recall, 2 * precision * recall / (precision + recall))
