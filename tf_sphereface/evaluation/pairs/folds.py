"""Pair lists of verification sets that come as pairs in an order."""

from collections.abc import Sequence

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.pairs.pair_list import Pair, PairList

_FOLDS = 10


def pair_list_of_set(pairs: Sequence[tuple[str, str, bool]]) -> PairList:
    """Puts the pairs of a set into folds, as `write_lfw_pairs` needs them.

    Where ten runs of pairs that follow each other have as many genuine as impostor
    pairs, they are the folds, as InsightFace's own evaluation has it. Otherwise the
    genuine pairs are shared out to the folds in their order, and the impostor pairs
    likewise; to one fold if they cannot be shared out to ten evenly.

    Args:
        pairs: (left, right, same) of each pair.

    Raises: InputError if there are not as many genuine as impostor pairs.
    """
    count, genuine = len(pairs), sum(same for _, _, same in pairs)
    if not count or 2 * genuine != count:
        raise InputError(
            "an LFW pair list must have as many genuine as impostor pairs. "
            f"Received: {genuine} genuine pairs of {count}"
        )
    folds = _FOLDS if genuine % _FOLDS == 0 else 1
    runs = runs_of(pairs, folds)
    if not is_balanced(runs):
        runs = _shared_out(pairs, folds)
    # The list has the genuine pairs of a fold first.
    ordered = [sorted(run, key=lambda pair: not pair[2]) for run in runs]
    return PairList(
        tuple(Pair(*pair, fold) for fold, run in enumerate(ordered) for pair in run),
        folds,
    )


def runs_of(pairs: Sequence, folds: int) -> list[Sequence]:
    """Pairs that follow each other, in as many runs of one length."""
    size = len(pairs) // folds
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def is_balanced(runs: Sequence) -> bool:
    """True if each run of (left, right, same) has as many genuine as impostor pairs."""
    return all(2 * sum(same for _, _, same in run) == len(run) for run in runs)


def _shared_out(pairs, folds):
    kinds = [[pair for pair in pairs if pair[2] is same] for same in (True, False)]
    size = len(kinds[0]) // folds
    return [
        [pair for kind in kinds for pair in kind[fold * size : (fold + 1) * size]]
        for fold in range(folds)
    ]
