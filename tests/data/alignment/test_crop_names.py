"""Tests for tf_sphereface.data.alignment.align: which folders and names it takes."""

import unicodedata

import pytest
from PIL import Image

from tf_sphereface.data.alignment.align import align_photos, crop_name
from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.errors import InputError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Byron", "ada byron"),
        (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë")),
    ],
)
def test_identities_that_merge_on_other_systems_are_refused(tmp_path, one, other):
    for name in (one, other):
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "1.jpg")
    if len(list((tmp_path / "photos").iterdir())) < 2:
        pytest.skip("this disk merges the names itself")
    with pytest.raises(InputError, match="identities would be merged") as caught:
        align_photos(tmp_path / "photos", tmp_path / "out")
    assert repr(one) in str(caught.value)
    assert repr(other) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_photos_with_one_crop_name_are_refused(tmp_path):
    (tmp_path / "photos" / "Ada").mkdir(parents=True)
    for name in ("my photo 0.jpg", "my photo 0.JPG"):
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "Ada" / name)
    with pytest.raises(InputError, match="photos would be merged .* 0.JPG"):
        align_photos(tmp_path / "photos", tmp_path / "out")


def test_crop_names():
    assert crop_name("Ada/Ada_0001.jpg") == "Ada/Ada_0001.jpg"
    assert crop_name("Ada/a.b.JPG") == "Ada/a.b.jpg"
    assert crop_name("Ada/a.png") == "Ada/a.png.jpg"


def test_missing_and_empty_sources_are_named(tmp_path):
    with pytest.raises(InputError, match="no such folder or file: .*nowhere"):
        align_photos(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no photo in .*empty"):
        align_photos(tmp_path / "empty", tmp_path / "out")


def test_photos_of_unreadable_kinds_are_counted(tmp_path):
    (tmp_path / "Ada").mkdir()
    for name in ("1.MOV", "2.psd", ".hidden"):
        (tmp_path / "Ada" / name).touch()
    with pytest.raises(InputError, match=r"2 files in .* \(\.avif \.bmp .* convert"):
        list_photos(tmp_path)
    (tmp_path / "beside.jpg").touch()
    with pytest.raises(InputError, match="no photo in .* a folder of their own"):
        list_photos(tmp_path)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("Tab\tName", "must not hold tabs"),
        ("A\rB", "must not hold tabs"),
        ("manifest.csv", "must not be named 'manifest.csv'"),
    ],
)
def test_names_that_would_damage_the_manifest_are_refused(tmp_path, folder, message):
    (tmp_path / "photos" / folder).mkdir(parents=True)
    (tmp_path / "photos" / folder / "1.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        align_photos(tmp_path / "photos", tmp_path / "out")
    assert not (tmp_path / "out").exists()
