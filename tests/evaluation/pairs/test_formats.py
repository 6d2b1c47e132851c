"""Tests for tf_sphereface.evaluation.pairs.formats."""

import re

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import PROTOCOLS, Pair
from tf_sphereface.evaluation.pairs.formats import (
    READERS,
    read_agedb_pairs,
    read_calfw_pairs,
    read_cfp_pairs,
    read_csv_pairs,
)


@pytest.fixture
def cfp(tmp_path):
    """Three people with two frontal and one profile photo, two folds."""
    for kind, pose, photos in (("F", "frontal", (1, 2)), ("P", "profile", (1,))):
        lines, number = [], 0
        for person in (1, 2, 3):
            for photo in photos:
                number += 1
                lines.append(f"{number} ../Data/Images/00{person}/{pose}/0{photo}.jpg")
        (tmp_path / f"Pair_list_{kind}.txt").write_text("\r\n".join(lines))
    for fold, same, diff in (("01", "1,1\n", "2,3\n"), ("02", "4,2\n", "6,1\n")):
        for split in ("FP", "FF"):
            folder = tmp_path / "Split" / split / fold
            folder.mkdir(parents=True)
            (folder / "same.txt").write_text(same)
            (folder / "diff.txt").write_text(diff)
    return tmp_path


def test_cfp_pairs_are_a_frontal_and_a_profile_photo_by_number(cfp):
    listed = read_cfp_pairs(cfp)
    assert listed.pairs == (
        Pair("001_frontal/01.jpg", "001_profile/01.jpg", True, 0),
        Pair("001_frontal/02.jpg", "003_profile/01.jpg", False, 0),
        Pair("002_frontal/02.jpg", "002_profile/01.jpg", True, 1),
        Pair("003_frontal/02.jpg", "001_profile/01.jpg", False, 1),
    )
    assert listed.people["001_frontal/02.jpg"] == "001"
    assert listed.people["001_profile/01.jpg"] == "001"


def test_cfp_frontal_pairs_take_both_photos_from_the_frontal_list(cfp):
    (cfp / "Pair_list_P.txt").unlink()
    assert read_cfp_pairs(cfp, "FF").pairs[1][:2] == (
        "001_frontal/02.jpg",
        "002_frontal/01.jpg",
    )


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("Split/FP/01/same.txt", "1,4", "same.txt line 1: must be two numbers"),
        ("Split/FP/01/same.txt", "\n7,1", "same.txt line 2: must be two numbers"),
        ("Split/FP/02/diff.txt", "1", "must be two numbers"),
        ("Split/FP/02/diff.txt", "1,\u00b2", "must be two numbers"),
        ("Pair_list_P.txt", "one x/y/z.jpg", "must be `NUMBER PATH`"),
        ("Pair_list_P.txt", "\u00b2 x/y/z.jpg", "must be `NUMBER PATH`"),
        ("Pair_list_P.txt", "1 z.jpg", "PERSON/POSE/PHOTO"),
        ("Pair_list_P.txt", "1 a/../z.jpg", "PERSON/POSE/PHOTO"),
        ("Pair_list_P.txt", "1 a/b/z.txt", "no suffix of a photo"),
    ],
)
def test_malformed_cfp_is_named_with_file_and_line(cfp, file, text, reason):
    (cfp / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(reason)):
        read_cfp_pairs(cfp)


def test_cfp_wants_its_folder(tmp_path):
    with pytest.raises(InputError, match="CFP's folder `Protocol`"):
        read_cfp_pairs(tmp_path)


def write(tmp_path, *lines):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def calfw_lines(flags):
    for number, flag in enumerate(flags):
        yield f"Ann_Lee_{number + 1:04d}.jpg\t{flag}"
        yield f"{'Ann_Lee' if flag else 'Bo'}_{number + 2:04d}.jpg\t{flag}"


def test_calfw_gives_genuine_pairs_their_fold_and_shares_out_the_others(tmp_path):
    # Genuine pairs out of order, so that the flag decides and not the place.
    flags = [*range(10, 0, -1), *[0] * 20]
    listed = read_calfw_pairs(write(tmp_path, *calfw_lines(flags)))
    assert listed.folds == 10
    genuine = {pair.left: pair.fold for pair in listed.pairs if pair.same}
    assert genuine == {f"Ann_Lee_{n:04d}.jpg": 10 - n for n in range(1, 11)}
    impostor = {pair.left: pair.fold for pair in listed.pairs if not pair.same}
    assert [impostor[f"Ann_Lee_{n:04d}.jpg"] for n in range(11, 31)] == [
        n // 2 for n in range(20)
    ]
    assert listed.people["Ann_Lee_0004.jpg"] == "Ann_Lee"
    assert listed.people["Bo_0012.jpg"] == "Bo"


def test_cplfw_has_no_folds_and_gets_ten(tmp_path):
    listed = read_calfw_pairs(write(tmp_path, *calfw_lines([1] * 10 + [0] * 10)))
    assert listed.folds == 10
    for fold in range(10):
        assert sorted(p.same for p in listed.pairs if p.fold == fold) == [False, True]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["a.jpg 1"], "must be two lines"),
        (["a.jpg 1", "b.jpg 0"], "line 2: both lines of a pair"),
        (["a.jpg 11", "b.jpg 11"], "line 1: a line must be a photo and a number"),
        (["a.jpg", "b.jpg 1"], "line 1: a line must be"),
        (["a.jpg 1", "../b.jpg 1"], "line 2: a photo must be a path below"),
    ],
)
def test_malformed_calfw_is_named_with_its_line(tmp_path, lines, reason):
    with pytest.raises(InputError, match=re.escape(reason)):
        read_calfw_pairs(write(tmp_path, *lines))


def test_agedb_folds_are_the_tenths_of_the_list(tmp_path):
    lines = []
    for number in range(20):
        lines.append(f"{number}_AnnLee_35_f.jpg {number + 50}_AnnLee_66_f.jpg 1")
        lines.append(f"{number}_AnnLee_35_f.jpg {number}_BoRay_70_m.jpg 0")
    listed = read_agedb_pairs(write(tmp_path, *lines))
    assert [pair.fold for pair in listed.pairs] == [n // 4 for n in range(40)]
    assert listed.people["3_AnnLee_35_f.jpg"] == "AnnLee"
    assert listed.people["3_BoRay_70_m.jpg"] == "BoRay"
    with pytest.raises(InputError, match="line 1: a line must be two photos"):
        read_agedb_pairs(write(tmp_path, "a.jpg b.jpg 2"))


def test_csv_with_folds_by_name_and_commas_in_quotes(tmp_path):
    lines = ['"a, b/1.jpg",x/2,Yes,two', "c/1.jpg,d/1.jpg,0,one", "e/1,f/1,false,two"]
    listed = read_csv_pairs(write(tmp_path, "Left, right,same,fold", *lines))
    assert listed.pairs == (
        Pair("a, b/1.jpg", "x/2", True, 0),
        Pair("e/1", "f/1", False, 0),
        Pair("c/1.jpg", "d/1.jpg", False, 1),
    )


def test_csv_without_folds_is_shared_out_evenly(tmp_path):
    lines = [f"a/{n}.jpg,b/{n}.jpg,{int(n < 4)}" for n in range(12)]
    listed = read_csv_pairs(write(tmp_path, "left,right,same", *lines))
    assert listed.folds == 4  # the genuine pairs are only four
    for fold in range(4):
        flags = [pair.same for pair in listed.pairs if pair.fold == fold]
        assert sorted(flags) == [False, False, True]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["a/1,b/1,1"], "the first line must be left,right,same"),
        (["left,right,same"], "must not be empty"),
        (["left,right,same", "a/1,b/1,maybe"], "line 2: a line must be"),
        (["left,right,same", "a/1,b/1,1,0"], "line 2: a line must be"),
        (["left,right,same", "a/1,a/1,1"], "a pair must be two photos"),
        (["left,right,same", "/a/1,b/1,1"], "a path below"),
        (["left,right,same", '"a/1,b/1,1'], "not a line of CSV"),
    ],
)
def test_malformed_csv_is_named_with_its_line(tmp_path, lines, reason):
    with pytest.raises(InputError, match=re.escape(reason)):
        read_csv_pairs(write(tmp_path, *lines))


@pytest.mark.parametrize(
    ("read", "lines", "kind"),
    [
        (read_csv_pairs, ["left,right,same", "a/1.jpg,a/2.jpg,1"], "genuine"),
        (read_agedb_pairs, ["a.jpg b.jpg 0", "a.jpg c.jpg 0"], "impostor"),
        (read_calfw_pairs, ["a_1.jpg 1", "a_2.jpg 1"], "genuine"),
    ],
)
def test_list_of_one_kind_has_no_folds_and_is_refused(tmp_path, read, lines, kind):
    with pytest.raises(InputError, match=f"Received: only {kind} pairs"):
        read(write(tmp_path, *lines))


def test_every_reader_of_pairs_is_a_protocol():
    pair_lists = {
        name for name, protocol in PROTOCOLS.items() if "pairs" in protocol.needs
    }
    assert set(READERS) == pair_lists - {"ytf"}
