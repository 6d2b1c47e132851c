"""Tests for tf_sphereface.evaluation.pairs.sampling."""

from collections import Counter

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import make_pairs, read_lfw_pairs, write_lfw_pairs


def make_people(root, photos_of_each):
    for index, photos in enumerate(photos_of_each):
        folder = root / f"person {index:02d}"
        folder.mkdir(parents=True)
        for photo in range(1, photos + 1):
            (folder / f"{folder.name}_{photo:04d}.png").touch()
    return root


def person(photo):
    return photo.split("/")[0]


@pytest.fixture
def pairs(tmp_path):
    return make_pairs(make_people(tmp_path / "aligned", [4] * 12), 3, 15, seed=1)


def test_every_fold_has_as_many_of_each_kind(pairs):
    counts = Counter((pair.fold, pair.same) for pair in pairs.pairs)
    assert counts == {(fold, same): 15 for fold in range(3) for same in (True, False)}


def test_labels_tell_the_truth(pairs):
    for pair in pairs.pairs:
        assert (person(pair.left) == person(pair.right)) == pair.same


def test_no_person_is_in_two_folds(pairs):
    folds = {}
    for pair in pairs.pairs:
        for photo in (pair.left, pair.right):
            folds.setdefault(person(photo), set()).add(pair.fold)
    assert all(len(found) == 1 for found in folds.values())


def test_no_pair_comes_twice(pairs):
    unordered = {frozenset(pair[:2]) for pair in pairs.pairs}
    assert len(unordered) == 90
    assert all(len(pair) == 2 for pair in unordered)


def test_genuine_pairs_are_spread_evenly_over_the_people(pairs):
    counts = Counter(person(pair.left) for pair in pairs.pairs if pair.same)
    assert set(counts.values()) == {3, 4}  # 15 pairs over the 4 people of a fold


def test_seed_decides(tmp_path):
    root = make_people(tmp_path / "aligned", [3, 5, 2, 7, 1, 3])
    assert make_pairs(root, 2, 4, seed=5) == make_pairs(root, 2, 4, seed=5)
    assert make_pairs(root, 2, 4, seed=5) != make_pairs(root, 2, 4, seed=6)


def test_all_pairs_are_drawn_when_all_are_wanted(tmp_path):
    root = make_people(tmp_path / "aligned", [3, 3])
    for person_index in (2, 3):
        (root / f"single {person_index}").mkdir()
        (root / f"single {person_index}" / "a.jpg").touch()
    pairs = make_pairs(root, 2, 3, seed=0)
    assert len({frozenset(pair[:2]) for pair in pairs.pairs}) == 12


def test_names_are_lfw_style_only_where_that_is_unambiguous(tmp_path):
    for name in ("a_0001.png", "a_0002.png", "a_0002.jpg", "x.png", "a_3.png"):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / name).touch()
    for other in "bcd":
        make_people(tmp_path / other, [])
        (tmp_path / other).mkdir()
        for photo in range(5):
            (tmp_path / other / f"{photo}.png").touch()
    photos = {photo for photo in make_pairs(tmp_path, 2, 20, 0).photos()}
    assert {photo for photo in photos if person(photo) == "a"} == {
        *("a/a_0001", "a/a_0002.png", "a/a_0002.jpg", "a/x.png", "a/a_3.png")
    }


def test_drawn_list_survives_the_file(tmp_path, pairs):
    write_lfw_pairs(pairs, tmp_path / "pairs.txt")
    again = read_lfw_pairs(tmp_path / "pairs.txt")
    assert sorted(again.pairs) == sorted(pairs.pairs)


@pytest.mark.parametrize(
    ("photos", "arguments", "reason"),
    [
        ([2, 2, 2, 2], (2, 3, 0), "too few photos: .* 2 genuine pairs, wanted 3"),
        ([9, 9, 1, 1], (2, 10, 0), "too few people: .* 9 impostor pairs, wanted 10"),
        ([1, 1, 1, 1], (2, 1, 0), "too few photos: .* has 0 genuine pairs"),
        ([9, 9, 9], (2, 3, 0), "^3 people in 2 folds: each fold needs at least 2"),
        ([1, 1], (10, 3, 0), "^2 people in 10 folds: each fold needs at least 2"),
        ([9, 9], (1, 3, 0), "`folds` must be at least 2"),
        ([9, 9], (2, 0, 0), "pairs_per_fold=0"),
        ([9, 9], (2, 1, -1), "seed=-1"),
    ],
)
def test_folds_that_cannot_be_are_refused(tmp_path, photos, arguments, reason):
    root = make_people(tmp_path / "aligned", photos)
    with pytest.raises(InputError, match=reason):
        make_pairs(root, *arguments)


def test_folder_without_people_is_named(tmp_path):
    (tmp_path / "Ada").mkdir()
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(InputError, match=f"^no photo in {tmp_path};"):
        make_pairs(tmp_path, 2, 2, 0)


def test_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        make_pairs(tmp_path / "none", 2, 2, 0)
