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
from tf_sphereface.data.audit.facts import read_facts
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


# A face that looks aside: no similarity brings it near the template.
ASIDE = np.float64([[70, 80], [95, 82], [66, 110], [76, 140], [96, 139]])


def align_aside(source, out, *options):
    """`sphereface align` of the three photos by `ASIDE`; returns the exit code."""
    table = source.parent / "points.csv"
    numbers = ",".join(map(str, ASIDE.ravel()))
    table.write_text("".join(f"{name},{numbers}\n" for name in PLACES))
    fixed = ["--landmarks", str(table), "--processes", "1"]
    return main([str(source), "--out", str(out), *fixed, *options])


def matrix_as_cp2tform(template):
    """The map that moves the template nearest to the landmarks in the photo."""
    (x, y), zeros, ones = template.T, np.zeros(5), np.ones(5)
    system = np.block([[x, y], [y, -x], [ones, zeros], [zeros, ones]]).T
    a, b, *shift = np.linalg.lstsq(system, ASIDE.T.ravel(), rcond=None)[0]
    return np.array([[a, b, shift[0]], [-b, a, shift[1]]])


@pytest.mark.quick_cases("options1-template1-size1")
@pytest.mark.parametrize(
    ("options", "template", "size"),
    [
        ((), PUBLISHED - (9, 1), (96, 112)),
        (("--size", "160x160"), POINTS, (160, 160)),
        (
            ("--size", "128x128", "--template", "norm_crop"),
            PUBLISHED + (8, 0),
            (128, 128),
        ),
    ],
)
def test_fit_in_the_photo_goes_from_align_to_records_and_audit(
    source, photo, tmp_path, options, template, size
):
    aligned = tmp_path / "aligned"
    assert align_aside(source, aligned, "--fit", "photo", *options) == 0
    crop = np.asarray(Image.open(aligned / "Ada" / "1.jpg")).astype(int)
    matrix, flags = matrix_as_cp2tform(template), cv2.INTER_LINEAR
    expected = cv2.warpAffine(photo, matrix, size, flags=flags | cv2.WARP_INVERSE_MAP)
    assert np.abs(crop - expected).mean() < 2  # JPEG
    settings = json.loads((aligned / "align.json").read_text())["settings"]
    assert settings["crop"]["fit"] == "photo"
    np.testing.assert_allclose(settings["crop"]["template"], template, rtol=1e-12)
    write_records(aligned, tmp_path / "records", 1)
    stored = read_manifest(tmp_path / "records").crop
    assert stored.fit == "photo"
    np.testing.assert_allclose(stored.template, template, rtol=1e-12)
    assert (
        "quality 95, fitted in the photo</dd>" in (aligned / "audit.html").read_text()
    )
    scale = 1 / np.sqrt(np.linalg.det(matrix[:, :2]))
    np.testing.assert_allclose(read_facts(aligned).crops.scales, scale, rtol=1e-9)
    other = tmp_path / "other"
    assert align_aside(source, other, *options) == 0
    usual = np.asarray(Image.open(other / "Ada" / "1.jpg")).astype(int)
    assert np.abs(usual - expected).mean() > 5


@pytest.mark.slow
def test_a_folder_has_crops_of_one_fit(source, tmp_path, capsys):
    for first, then in (("photo", "crop"), ("crop", "photo")):
        out = tmp_path / first
        assert align_aside(source, out, "--fit", first) == 0
        capsys.readouterr()
        assert align_aside(source, out, "--fit", then) == 2
        message = f"settings: crop.fit is {first!r} there, and {then!r} now"
        assert message in capsys.readouterr().err
    # Folders of earlier versions do not say it.
    path = tmp_path / "crop" / "align.json"
    record = json.loads(path.read_text())
    del record["settings"]["crop"]["fit"]
    path.write_text(json.dumps(record))
    assert align_aside(source, tmp_path / "crop") == 0
    assert json.loads(capsys.readouterr().out)["reused"] == 3
    assert align_aside(source, tmp_path / "crop", "--fit", "photo") == 2
    assert "crop.fit is 'crop' there, and 'photo' now" in capsys.readouterr().err


@pytest.mark.parametrize("fit", ["crop", "photo"])
def test_landmarks_of_no_face_drop_the_photo_alone(source, tmp_path, fit):
    landmarks = {name: tuple((POINTS + 5).ravel()) for name in PLACES}
    landmarks["Ada/2.jpg"] = (50.0, 60.0) * 5
    summary = align_photos(
        source,
        tmp_path / "out",
        processes=1,
        landmarks=landmarks,
        crop=CropGeometry(fit=fit),
    )
    assert summary.dropped == {"landmarks that fit no face": 1}
    assert summary.kept == 2


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
        ("160x160 --template=norm_crop", "no crops of 160 x 160: .* 112 or 128 only"),
    ],
)
def test_bad_size_is_one_line_and_nothing_is_written(
    source, tmp_path, capsys, size, message
):
    out = tmp_path / "out"
    assert main([str(source), "--out", str(out), *f"--size={size}".split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(f"error: .*{message}", line) and len(line) < 250
    assert not out.exists()
