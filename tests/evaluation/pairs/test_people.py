"""Tests for tf_sphereface.evaluation.pairs.people."""

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import Pair, PairList
from tf_sphereface.evaluation.pairs.people import (
    check_folds,
    note_on_training,
    notes_on_list,
    people_of_pairs,
    person_of,
)

PAIRS = (
    Pair("ann/1.jpg", "ann/2.jpg", True, 0),
    Pair("ann/1.jpg", "bo/1.jpg", False, 0),
    Pair("cy/1.jpg", "cy/2.jpg", True, 1),
    Pair("cy/1.jpg", "di/1.jpg", False, 1),
)


def notes_of(*pairs):
    listed = PairList(tuple(pairs), folds=2)
    return notes_on_list(listed, people_of_pairs(listed))


def test_people_that_a_model_was_trained_on_are_counted():
    people = people_of_pairs(PairList(PAIRS, folds=2))
    (note,) = note_on_training(people, ["bo", "cy", "eve"])
    assert note.startswith("2 of the 4 people of the pairs have the names of people")
    assert note_on_training(people, ["eve"]) == note_on_training(people, ()) == ()


@pytest.mark.parametrize(
    ("photo", "person"),
    [
        ("Ann Lee/1.jpg", "Ann Lee"),
        ("a/b/1.jpg", "a"),
        ("Ann_Lee_0001.jpg", "Ann_Lee"),
        ("Ann_Lee.jpg", "Ann_Lee"),
        ("_7.jpg", "_7"),
    ],
)
def test_person_of_a_photo(photo, person):
    assert person_of(photo) == person


def test_people_are_numbered_by_name():
    people = people_of_pairs(PairList(PAIRS, 2))
    assert people.count == 4
    np.testing.assert_array_equal(people.left == people.right, [1, 0, 1, 0])
    assert people.right_names.tolist() == ["ann", "bo", "cy", "di"]


def test_names_of_a_genuine_pair_are_one_person():
    chain = [("a/1", "b/1", True), ("b/2", "c/1", True), ("c/1", "d/1", False)]
    people = people_of_pairs(PairList(tuple(Pair(*p, 0) for p in chain), 1))
    assert people.count == 2
    assert people.left[0] == people.right[1] == people.left[2] != people.right[2]


def test_the_embeddings_people_go_before_the_lists_and_those_before_folders():
    listed = PairList(PAIRS, 2, people={"ann/1.jpg": "A", "ann/2.jpg": "A"})
    people = people_of_pairs(listed, {"bo/1.jpg": "B", "ann/1.jpg": "X"})
    assert people.left_names.tolist() == ["X", "X", "cy", "cy"]
    assert people.right_names.tolist() == ["A", "B", "cy", "di"]
    assert people.left[0] == people.right[0]


def test_a_sound_list_has_no_note():
    assert notes_of(*PAIRS) == ()


def test_people_in_two_folds_are_noted():
    [note] = notes_of(*PAIRS, Pair("ann/3.jpg", "ann/4.jpg", True, 1))
    assert note.startswith("1 of 4 people are in more than one fold")


def test_repeated_pairs_are_noted_in_either_order():
    [note] = notes_of(*PAIRS, Pair("bo/1.jpg", "ann/1.jpg", False, 0), PAIRS[0])
    assert note.startswith("2 of 6 pairs repeat an earlier one")


def test_impostor_pair_of_one_person_is_noted():
    [note] = notes_of(*PAIRS, Pair("di/1.jpg", "di/2.jpg", False, 1))
    assert note.startswith("1 impostor pairs are of one person")


def test_pair_of_both_kinds_is_an_error():
    with pytest.raises(InputError, match="both: ann/1.jpg and ann/2.jpg"):
        notes_of(*PAIRS, Pair("ann/2.jpg", "ann/1.jpg", False, 0))


@pytest.mark.parametrize(
    ("same", "fold", "reason"),
    [
        ([1, 0], [3, 3], "at least 2 folds.*folds=1"),
        ([1, 0, 1, 1], [3, 3, 4, 4], "only genuine pairs in the fold numbered 4"),
        ([0, 0, 0, 1], [3, 3, 4, 4], "only impostor pairs in the fold numbered 3"),
    ],
)
def test_folds_that_cannot_be_judged_are_refused(same, fold, reason):
    with pytest.raises(InputError, match=reason):
        check_folds(np.array(same), np.array(fold))
