"""Tests for tf_sphereface.evaluation.pairs.folds."""

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    pair_list_of_set,
    read_lfw_pairs,
    write_lfw_pairs,
)


def pairs_of(flags):
    return [
        (f"p{k}/1.png", f"p{k}/2.png", True)
        if same
        else (f"p{k}l/1.png", f"p{k}r/1.png", False)
        for k, same in enumerate(flags)
    ]


def check_balanced(listed, folds):
    assert listed.folds == folds
    for fold in range(folds):
        flags = [pair.same for pair in listed.pairs if pair.fold == fold]
        assert sum(flags) * 2 == len(flags) == len(listed.pairs) // folds


def test_runs_of_a_tenth_are_the_folds(tmp_path):
    pairs = pairs_of(([True] * 3 + [False] * 3) * 10)  # as in lfw.bin
    listed = pair_list_of_set(pairs)
    check_balanced(listed, 10)
    assert [pair[:3] for pair in listed.pairs] == pairs
    assert [pair.fold for pair in listed.pairs] == [k // 6 for k in range(60)]
    write_lfw_pairs(listed, tmp_path / "pairs.txt")
    assert read_lfw_pairs(tmp_path / "pairs.txt") == listed


@pytest.mark.parametrize(
    ("flags", "folds"),
    [
        ([True] * 30 + [False] * 30, 10),
        ([True, False] * 30, 10),
        ([False, True] * 7, 1),
    ],
)
def test_other_orders_are_shared_out(tmp_path, flags, folds):
    pairs = pairs_of(flags)
    listed = pair_list_of_set(pairs)
    check_balanced(listed, folds)
    assert sorted(pair[:3] for pair in listed.pairs) == sorted(pairs)
    write_lfw_pairs(listed, tmp_path / "pairs.txt")
    assert read_lfw_pairs(tmp_path / "pairs.txt") == listed


@pytest.mark.parametrize("flags", [[], [True], [True, True, False]])
def test_unbalanced_sets_are_refused(flags):
    with pytest.raises(InputError, match="as many genuine as impostor pairs"):
        pair_list_of_set(pairs_of(flags))
