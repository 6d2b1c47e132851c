"""Tests for tf_sphereface.evaluation.pairs.pair_list."""

import re
from pathlib import Path

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import Pair, PairList, read_lfw_pairs, write_lfw_pairs

LFW_PAIRS = Path(__file__).parents[4] / "shared/data/lfw/pairs.txt"
TWO_FOLDS = (
    "2\t1\n"
    "Ann Lee\t1\t3\n"
    "Ann Lee\t2\tBob_Ray\t14\n"
    "Cy_Doe\t2\tfront view.png\n"
    "Cy_Doe\t1\tJosé\tid.7.JPG\n"
)


def write(tmp_path, text):
    path = tmp_path / "pairs.txt"
    path.write_bytes(text.encode())
    return path


def test_lines_become_relative_paths_in_folds(tmp_path):
    assert read_lfw_pairs(write(tmp_path, TWO_FOLDS)) == PairList(
        (
            Pair("Ann Lee/Ann Lee_0001", "Ann Lee/Ann Lee_0003", True, 0),
            Pair("Ann Lee/Ann Lee_0002", "Bob_Ray/Bob_Ray_0014", False, 0),
            Pair("Cy_Doe/Cy_Doe_0002", "Cy_Doe/front view.png", True, 1),
            Pair("Cy_Doe/Cy_Doe_0001", "José/id.7.JPG", False, 1),
        ),
        folds=2,
    )


def test_byte_order_mark_windows_line_ends_and_blank_lines_do_not_matter(tmp_path):
    expected = read_lfw_pairs(write(tmp_path, TWO_FOLDS))
    text = "\ufeff" + TWO_FOLDS.replace("\n", "\r\n") + "\r\n\n"
    assert read_lfw_pairs(write(tmp_path, text)) == expected


def test_spaces_separate_where_there_is_no_tab(tmp_path):
    pairs = read_lfw_pairs(write(tmp_path, "1 1\nAnn 1 2\nAnn 1 Bob 2\n"))
    assert [pair.right for pair in pairs.pairs] == ["Ann/Ann_0002", "Bob/Bob_0002"]


def test_header_without_folds_is_one_fold(tmp_path):
    assert read_lfw_pairs(write(tmp_path, "1\nAnn\t1\t2\nAnn\t1\tBob\t2\n")).folds == 1


def test_lfw_list_has_seven_folds_of_600():
    if not LFW_PAIRS.exists():
        pytest.skip("the LFW pair list is not on this machine")
    pairs = read_lfw_pairs(LFW_PAIRS)
    sizes = {(fold, same): 0 for fold in range(7) for same in (True, False)}
    for pair in pairs.pairs:
        sizes[pair.fold, pair.same] += 1
    assert sizes == dict.fromkeys(sizes, 300)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", None, "must not be empty"),
        ("two\t1\n", 1, "the first line must be"),
        ("0\t1\n", 1, "the first line must be"),
        ("2\t1\t1\n", 1, "the first line must be"),
        (TWO_FOLDS.replace("Lee\t1\t3", "Lee\t1"), 2, "a genuine line must be"),
        (TWO_FOLDS.replace("Lee\t1\t3", "Lee\t1\t1"), 2, "must be two photos"),
        (TWO_FOLDS.replace("Lee\t1\t3", "Lee\t0\t3"), 2, "a photo must be its number"),
        (TWO_FOLDS.replace("Lee\t1\t3", "Lee\tx\t3"), 2, "a photo must be its number"),
        (TWO_FOLDS.replace("Lee\t1\t3", "Lee\t-1\t3"), 2, "a photo must be its number"),
        (TWO_FOLDS.replace("view.png", "/view.png"), 4, "a photo must be its number"),
        (TWO_FOLDS.replace("Ray\t14", "Ray"), 3, "an impostor line must be"),
        (TWO_FOLDS.replace("Bob_Ray", "Ann Lee"), 3, "must be two people"),
        (TWO_FOLDS.replace("José", "../José"), 5, "a name must be a folder"),
        (TWO_FOLDS.replace("José", "/José"), 5, "a name must be a folder"),
        (TWO_FOLDS.rsplit("\n", 2)[0], 4, "ends early"),
        (TWO_FOLDS + "Ann Lee\t1\t2\n", 6, "more pairs"),
    ],
)
def test_malformed_line_is_named_with_its_number(tmp_path, text, line, reason):
    place = "" if line is None else f" line {line}"
    with pytest.raises(InputError, match=f"pairs.txt{place}: .*{reason}"):
        read_lfw_pairs(write(tmp_path, text))


def test_missing_file_and_other_encodings_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such list of pairs"):
        read_lfw_pairs(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("1\t1\nJosé\t1\t2\n".encode("latin-1"))
    with pytest.raises(InputError, match="must be UTF-8"):
        read_lfw_pairs(tmp_path / "latin.txt")


def test_written_list_reads_back_equal(tmp_path):
    pairs = read_lfw_pairs(write(tmp_path, TWO_FOLDS))
    write_lfw_pairs(pairs, tmp_path / "copy.txt")
    assert read_lfw_pairs(tmp_path / "copy.txt") == pairs


def test_lfw_named_photos_are_written_as_numbers(tmp_path):
    write_lfw_pairs(read_lfw_pairs(write(tmp_path, TWO_FOLDS)), tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_text("utf-8") == TWO_FOLDS


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([Pair("a/1.png", "a/2.png", True, 0)], "0 genuine and 0 impostor"),
        (
            [
                Pair("a\tb/1.png", "a/2.png", True, 0),
                Pair("a/1.png", "b/1.png", False, 0),
            ],
            "FOLDER/FILE",
        ),
        (
            [Pair("1.png", "a/2.png", True, 0), Pair("a/1.png", "b/1.png", False, 0)],
            "FOLDER/FILE",
        ),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, pairs, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        write_lfw_pairs(PairList(tuple(pairs), folds=1), tmp_path / "pairs.txt")
    assert not list(tmp_path.iterdir())


def test_fold_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"`fold` must be in \[0, 2\).*fold=2"):
        PairList((Pair("a/1", "a/2", True, 2),), folds=2)
