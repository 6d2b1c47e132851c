"""Tests of aligned folders that somebody else made, or that are damaged."""

import json

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.data.aligned.manifest import ManifestRow, write_manifest_rows
from tf_sphereface.data.aligned.settings import read_alignment_settings
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE

POINTS = (30.0, 40.0, 70.5, 41.0, 50.0, 60.0, 35.0, 80.0, 66.0, 81.0)
LEAVING = ["../kept.txt", "A/../../kept.txt", "/etc/passwd", "A", "A/", "../..", "./x"]


@pytest.mark.parametrize("crop", LEAVING)
def test_manifest_names_nothing_outside_its_folder(tmp_path, crop):
    row = ManifestRow("A/1.jpg", "A", "kept", crop=crop)
    write_manifest_rows(tmp_path, {row.photo: row})
    with pytest.raises(InputError, match="damaged manifest.*line 2 .photos must be"):
        select_crops(tmp_path)


@pytest.mark.parametrize("identity", ["..", "A/..", "", "."])
def test_identity_is_a_folder_of_the_folder(tmp_path, identity):
    row = ManifestRow("A/1.jpg", identity, "dropped", "no face")
    write_manifest_rows(tmp_path, {row.photo: row})
    with pytest.raises(InputError, match="damaged manifest"):
        select_crops(tmp_path)


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.partial.csv"])
def test_alignment_removes_nothing_outside(tmp_path, name):
    """A photo is gone, so its crop goes too, if it is one."""
    source, out = tmp_path / "photos", tmp_path / "out"
    for photo in ("A/1.jpg", "A/2.jpg"):
        (source / "A").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 100)).save(source / photo)
    options = {"processes": 1, "landmarks": {"A/1.jpg": POINTS, "A/2.jpg": POINTS}}
    align_photos(source, out, **options)
    text = (out / "manifest.csv").read_text("utf-8")
    (out / "manifest.csv").unlink()
    (out / name).write_text(text.replace(",A/2.jpg,", ",../kept.txt,"), "utf-8")
    (tmp_path / "kept.txt").write_text("precious")
    (source / "A" / "2.jpg").unlink()
    if name == "manifest.csv":
        with pytest.raises(InputError, match="damaged manifest"):
            align_photos(source, out, **options)
    else:  # lines of a torn journal are passed over
        align_photos(source, out, **options)
    assert (tmp_path / "kept.txt").read_text() == "precious"


@pytest.mark.parametrize(
    "settings",
    [
        3,
        {"crop": 3},
        {"detector": ["MTCNN"]},
        {"crop": {"template": "x"}},
        {"crop": {"template": [[1, 2]] * 4}},
        {"crop": {"template": [[1, 2], [1]]}},
        {"crop": {"template": [[1, float("nan")]] * 5}},
        {"crop": {"height": "112", "width": 96}},
        {"crop": {"height": 112, "width": 10**9}},
        {"crop": {"height": 112, "width": 20}},
    ],
)
def test_settings_of_another_form_are_damage(tmp_path, settings):
    (tmp_path / "align.json").write_text(json.dumps({"settings": settings}))
    with pytest.raises(InputError, match="damaged settings"):
        read_alignment_settings(tmp_path)


def test_settings_are_read_as_they_are(tmp_path):
    settings = {"crop": {"template": LANDMARK_TEMPLATE.tolist()}, "detector": {}}
    (tmp_path / "align.json").write_text(json.dumps({"settings": settings}))
    read = read_alignment_settings(tmp_path)
    np.testing.assert_array_equal(read["crop"]["template"], LANDMARK_TEMPLATE)


@pytest.mark.parametrize(
    ("name", "choice", "fits"),
    [
        ("b" * 251 + ".jpg", "centre", True),
        ("b" * 251 + ".png", "centre", False),
        ("b" * 251 + ".jpg", "all", False),
        ("é" * 123 + ".png", "centre", True),
        ("é" * 124 + ".png", "centre", False),
    ],
)
def test_name_too_long_for_a_crop_is_told_before_anything_is_written(
    tmp_path, name, choice, fits
):
    source, out = tmp_path / "photos", tmp_path / "out"
    (source / "A").mkdir(parents=True)
    Image.new("RGB", (30, 30)).save(source / "A" / name)
    if fits:
        align_photos(source, out, processes=1, choice=choice)
    else:
        with pytest.raises(InputError, match="too long a name"):
            align_photos(source, out, processes=1, choice=choice)
    assert out.exists() == fits


def test_deeper_crops_are_not_lost_without_a_word(tmp_path, caplog):
    for name in ("Ada/1.jpg", "Ada/2004/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert select_crops(tmp_path).crops == ("Ada/1.jpg",)
    assert "1 photos below a person's folder were passed over, such as" in caplog.text
    assert "note:" not in caplog.text  # the command says it
