"""Tests for tf_sphereface.data.aligned.crop_exclusions."""

import pytest
from PIL import Image

from tf_sphereface.data.aligned.crop_exclusions import read_crop_exclusions
from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.errors import InputError


@pytest.fixture
def aligned(tmp_path):
    for name in ("Ada/1.jpg", "Ada/2.jpg", "Zoë/1.jpg", "Zoë/2.jpg"):
        path = tmp_path / "aligned" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (96, 112)).save(path)
    return tmp_path / "aligned"


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("crop,kind,drop\nAda/1.jpg,outlier,yes\nZoë/1.jpg,outlier,no\n", "utf-8"),
        ("crop;drop\r\nAda/1.jpg;YES \r\nZoë/1.jpg;No\r\n", "utf-8-sig"),
        ('drop\tcrop\nyes\t"Ada/1.jpg"\nyes\t\n', "utf-8"),
    ],
)
def test_rows_with_yes_are_left_out(tmp_path, text, encoding):
    assert read_crop_exclusions(write(tmp_path, text, encoding)) == {"Ada/1.jpg"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop,drop\nAda/1.jpg,yes\nAda/2.jpg,maybe\n", "'maybe' in line 3"),
        ("crop,drop\nAda/1.jpg\n", "Received: None in line 2"),
        ("crop,kind\nAda/1.jpg,outlier\n", "columns crop and drop"),
        ("", "columns crop and drop"),
        (f"crop,drop\n{'9' * 200_000},yes\n", "line 2: field larger"),
        (f"{'9' * 200_000}\n", "line 1: field larger"),
    ],
)
def test_other_lists_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_crop_exclusions(write(tmp_path, text))


def test_missing_list_is_named(tmp_path):
    with pytest.raises(InputError, match="no such list of crops"):
        read_crop_exclusions(tmp_path / "nowhere.csv")


def test_crops_are_left_out_before_identities_are_counted(aligned):
    # A list written on a Mac: the letter is decomposed.
    excluded = {"Zoe\u0308/1.jpg", "Gone/1.jpg"}
    chosen = select_crops(aligned, min_images=2, exclude_crops=excluded)
    assert chosen.crops == ("Ada/1.jpg", "Ada/2.jpg")
    assert (chosen.excluded_crops, chosen.missing_crops) == (1, 1)
    assert chosen.dropped_identities == 1


def test_list_of_another_folder_is_refused(aligned):
    with pytest.raises(InputError, match="none of the 1 crops to leave out"):
        select_crops(aligned, exclude_crops={"Gone/1.jpg"})
