"""Tests for crops of other sizes, from alignment to records and the audit page."""

import json
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.align import main
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.audit import write_audit
from tf_sphereface.data.records.manifest import read_manifest
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry

# InsightFace's five points for 112 x 112, and the same face in 160 x 160: the corners
# of the crops, half a pixel outside the first pixels' centres, stay corners.
PUBLISHED = np.float64(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
    + [[41.5493, 92.3655], [70.7299, 92.2041]]
)
POINTS = (PUBLISHED + 0.5) * 160 / 112 - 0.5
PLACES = {"Ada/1.jpg": (10, 20), "Ada/2.jpg": (31, 7), "Eve/1.jpg": (25, 35)}


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(8)
    coarse = rng.integers(40, 220, (20, 20, 3), np.uint8)
    return cv2.resize(coarse, (220, 220), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def source(tmp_path, photo):
    for name in PLACES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(path, quality=100, subsampling=0)
    return tmp_path / "photos"


def align(source, out, crop):
    landmarks = {
        name: tuple((POINTS + place).ravel()) for name, place in PLACES.items()
    }
    return align_photos(source, out, processes=1, landmarks=landmarks, crop=crop)


@pytest.fixture
def aligned(source, tmp_path):
    align(source, tmp_path / "aligned", CropGeometry(160, 160))
    return tmp_path / "aligned"


def test_crops_are_the_part_of_the_photo_that_the_template_says(aligned, photo):
    for name, (x, y) in PLACES.items():
        crop = np.asarray(Image.open(aligned / name)).astype(int)
        assert crop.shape == (160, 160, 3)
        assert np.abs(crop - photo[y : y + 160, x : x + 160]).mean() < 1.5  # JPEG


def test_settings_say_size_and_template(aligned):
    crop = json.loads((aligned / "align.json").read_text())["settings"]["crop"]
    assert (crop["height"], crop["width"]) == (160, 160)
    np.testing.assert_allclose(crop["template"], POINTS, rtol=1e-12)


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        (DEFAULT_CROP, "crop.height is 160 there, and 112 now"),
        (CropGeometry(160, 137), "crop.width is 160 there, and 137 now"),
        (CropGeometry(160, 160, POINTS + 1), r"crop.template is \[\["),
    ],
)
def test_a_folder_has_crops_of_one_size(source, aligned, crop, message):
    before = sorted(path.name for path in aligned.rglob("*"))
    with pytest.raises(InputError, match=f"with other settings: {message}"):
        align(source, aligned, crop)
    assert sorted(path.name for path in aligned.rglob("*")) == before
    assert align(source, aligned, CropGeometry(160, 160)).reused == 3


def test_records_have_size_and_template_of_the_folder(aligned, tmp_path):
    write_records(aligned, tmp_path / "records", 1)
    crop = read_manifest(tmp_path / "records").crop
    assert (crop.height, crop.width) == (160, 160)
    np.testing.assert_allclose(crop.template, POINTS, rtol=1e-12)


def test_without_settings_the_size_is_said(aligned, tmp_path):
    for name in ("align.json", "manifest.csv"):
        (aligned / name).unlink()
    said = CropGeometry(160, 160)
    with pytest.raises(InputError, match="of 160 x 160 .* or say --size 160x160"):
        write_records(aligned, tmp_path / "records", 1)
    write_records(aligned, tmp_path / "records", 1, crop=said)
    crop = read_manifest(tmp_path / "records").crop
    assert (crop.height, crop.width) == (160, 160)
    np.testing.assert_allclose(crop.template, POINTS, rtol=1e-12)
    odd = aligned / "Eve" / "1.jpg"
    Image.new("RGB", (96, 112)).save(odd)
    with pytest.raises(InputError, match=f"160 x 160 .*Received: {odd} of 96 x 112"):
        write_records(aligned, tmp_path / "more", 1, crop=said)
    assert not (tmp_path / "more").exists()


def test_settings_outvote_the_first_crop(aligned, tmp_path):
    path = aligned / "Ada" / "1.jpg"
    Image.new("RGB", (112, 112)).save(path)
    with pytest.raises(InputError, match=f"160 x 160 .*Received: {path} of 112 x 112"):
        write_records(aligned, tmp_path / "records", 1)


def test_a_template_of_the_folder_goes_into_the_records(source, tmp_path):
    align(source, tmp_path / "other", CropGeometry(160, 160, POINTS - 3))
    write_records(tmp_path / "other", tmp_path / "records", 1)
    crop = read_manifest(tmp_path / "records").crop
    np.testing.assert_allclose(crop.template, POINTS - 3, rtol=1e-12)


def test_the_audit_page_is_of_this_size(aligned):
    text = write_audit(aligned).read_text("utf-8")
    assert text.count('viewBox="-0.5 -0.5 160 160"') == 2  # landmarks, average face
    assert 'width="160" height="160">' in text and 'width="96"' not in text
    x, y = POINTS[0]
    assert f'<circle cx="{x:.2f}" cy="{y:.2f}" r="3.29"' in text
    assert "cannot be used" not in text and "not readable" not in text
    assert "<dd>160 × 160 px, RGB, JPEG quality 95</dd>" in text
    Image.new("RGB", (96, 112)).save(aligned / "Ada" / "1.jpg")
    assert "of another size): Ada/1.jpg" in write_audit(aligned).read_text("utf-8")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("160", "--size must be HEIGHTxWIDTH, such as 112x96. Received: '160'"),
        ("x96", "must be HEIGHTxWIDTH"),
        ("112x96x3", "must be HEIGHTxWIDTH"),
        ("-112x96", "must be HEIGHTxWIDTH"),
        ("9" * 5000 + "x96", "must be HEIGHTxWIDTH"),
        ("0x96", "no crops of 0 x 96: `height` and `width` must be integers from 1"),
        ("112x20", "no crops of 112 x 20: .* room for the face"),
    ],
)
def test_bad_size_is_one_line_and_nothing_is_written(
    source, tmp_path, capsys, size, message
):
    out = tmp_path / "out"
    assert main([str(source), "--out", str(out), f"--size={size}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(f"error: .*{message}", line) and len(line) < 250
    assert not out.exists()
