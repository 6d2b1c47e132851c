"""Tests for tf_sphereface.data.audit: the page of an aligned folder."""

import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.page_reader import read_page
from tf_sphereface.data.aligned.manifest import (
    DROPPED,
    ManifestRow,
    write_manifest_rows,
)
from tf_sphereface.data.aligned.settings import agree_on_settings
from tf_sphereface.data.audit import write_audit
from tf_sphereface.data.audit.facts import read_facts
from tf_sphereface.data.audit.sheets import choose_sheets, take_pictures
from tf_sphereface.errors import InputError


def words(text):
    return " ".join(re.sub("<[^>]*>", " ", text).split())


def test_page_is_whole_and_fetches_nothing(aligned):
    page = read_page(write_audit(aligned).read_text("utf-8"))
    # Three people have the sheets: 8 random, 4 times 8 extremes, 2 of several faces,
    # and the average face alone.
    assert page.tags.count("img") == 8 + 4 * 8 + 2 + 1
    assert page.tags.count("image") == 1


def test_counts_are_those_of_the_manifest(aligned):
    said = words(write_audit(aligned).read_text("utf-8"))
    assert "8 of 11 photos gave an aligned face, of 3 people. 3 did not." in said
    assert "no face : 2 photos (18.2 %) Ada/x.jpg Eve/x.jpg" in said
    assert "not an image : 1 photo (9.1 %) Eve/y.jpg" in said
    assert "Photos with several faces 2 " in said
    assert "People with one crop 1 " in said
    assert "none of their photos gave a face : 1 Eve" in said
    assert "Most crops Crops Ada 4 Grace 3" in said
    assert "27 % of the photos have no crop." in said
    assert "smallest face 20, thresholds 0.6 / 0.7 / 0.9" in said


def test_names_are_escaped(aligned):
    text = write_audit(aligned, command="sphereface <script>").read_text("utf-8")
    assert "<b>Zoë" not in text and "&lt;b&gt;Zoë" in text
    assert "<script" not in text


def test_same_seed_gives_the_same_bytes(aligned):
    first = write_audit(aligned, seed=1).read_bytes()
    assert write_audit(aligned, seed=1).read_bytes() == first


def test_seed_chooses_the_random_crops():
    crops = read_measures(many=200)
    chosen = [choose_sheets(crops, seed)["random"].crops.tolist() for seed in (0, 0, 1)]
    assert len(chosen[0]) == 40 == len(set(chosen[0]))
    assert chosen[0] == chosen[1] != chosen[2]


def read_measures(many):
    from tf_sphereface.data.audit.measures import CropMeasures

    values = np.arange(many, dtype=float)
    return CropMeasures(
        names=tuple(f"P/{i:04d}.jpg" for i in range(many)),
        scores=(values * 7) % many / many,
        faces=1 + (np.arange(many) % 50 == 0),
        sides=20 + (values * 3) % many,
        rolls=np.where(values == 5, -80.0, 0.1 * values),
        scales=np.ones(many),
        misfits=np.where(values == 9, 30.0, 1.0),
        warped=np.zeros((many, 5, 2), np.float32),
        confidences=np.where(values == 11, 0.3, np.where(values < 9, np.nan, 0.98)),
    )


def test_sheets_begin_with_the_extremes():
    sheets = choose_sheets(read_measures(many=200), seed=0)
    # 7 i mod 200 is 0, 1 and 2 for i = 0, 143 and 86; 3 i mod 200 for 0, 67 and 134.
    assert sheets["score"].crops[:3].tolist() == [0, 143, 86]
    assert sheets["size"].crops[:3].tolist() == [0, 67, 134]
    assert sheets["roll"].crops[:3].tolist() == [5, 199, 198]
    assert sheets["roll"].captions[0] == "-80°"
    assert sheets["misfit"].crops[0] == 9
    assert sheets["misfit"].captions[0] == "30.0 px"
    assert sheets["confidence"].crops[:2].tolist() == [11, 9]
    assert sheets["confidence"].captions[0] == "0.30"
    assert sheets["faces"].crops.tolist() == [0, 50, 100, 150]


def test_average_is_the_mean_of_the_crops(aligned):
    facts = read_facts(aligned)
    sheets = choose_sheets(facts.crops, 0)
    calls = []
    pictures = take_pictures(
        aligned, facts, sheets, 0, lambda *call: calls.append(call)
    )
    crops = [
        np.asarray(Image.open(aligned / name), np.float64) for name in facts.crops.names
    ]
    assert np.abs(pictures.mean - np.mean(crops, axis=0)).max() <= 0.5
    assert pictures.averaged == 8 == len(pictures.thumbnails)
    assert calls[-1] == (8, 8)


def test_without_thumbnails_no_crop_is_read(aligned):
    for identity in ("Ada", "Grace"):
        shutil.rmtree(aligned / identity)
    text = write_audit(aligned, thumbnails=False).read_text("utf-8")
    assert not {"img", "image"} & set(read_page(text).tags)
    assert "data:image" not in text
    assert "8 of 11 photos" in words(text)


def test_unreadable_crops_are_told_and_do_not_stop_it(aligned):
    (aligned / "Ada/0.jpg").write_bytes(b"no image")
    Image.new("RGB", (10, 10)).save(aligned / "Ada/1.jpg")
    (aligned / "Ada/2.jpg").unlink()
    said = words(write_audit(aligned).read_text("utf-8"))
    assert "3 crops of those read cannot be used" in said
    assert "Ada/0.jpg, Ada/1.jpg, Ada/2.jpg" in said
    assert "not readable" in said


def test_folder_without_any_crop_has_a_page(tmp_path):
    agree_on_settings(tmp_path, {}, "0.0.0")
    row = ManifestRow("Ada/1.jpg", "Ada", DROPPED, "no face")
    write_manifest_rows(tmp_path, {row.photo: row})
    text = write_audit(tmp_path).read_text("utf-8")
    read_page(text)
    assert "No face was found in 1 photo" in words(text)
    assert "<img" not in text


def test_interrupted_alignment_shows_what_is_done(aligned):
    (aligned / "manifest.csv").rename(aligned / "manifest.partial.csv")
    said = words(write_audit(aligned).read_text("utf-8"))
    assert "The alignment was interrupted" in said
    assert "8 of 11 photos" in said


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="not an aligned folder"):
        write_audit(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        write_audit(tmp_path / "nowhere")
    with pytest.raises(InputError, match="seed must not be negative. Received: -1"):
        write_audit(tmp_path, seed=-1)
    assert list(tmp_path.iterdir()) == []


def blank_cells(folder, line, cells):
    """Empties cells of a line of the manifest."""
    text = (folder / "manifest.csv").read_text("utf-8").splitlines()
    row = text[line].split(",")
    row[cells] = [""] * len(row[cells])
    text[line] = ",".join(row)
    (folder / "manifest.csv").write_text("\n".join(text) + "\n", "utf-8")


def test_crop_with_half_its_landmarks_is_named(aligned):
    blank_cells(aligned, 1, slice(11, 15))
    with pytest.raises(InputError, match="damaged manifest: box or landmarks of"):
        write_audit(aligned)


def test_crops_that_came_without_a_detector_have_a_page(aligned):
    for line in range(1, 12):
        blank_cells(aligned, line, slice(6, 21))  # score, box and landmarks
    text = write_audit(aligned).read_text("utf-8")
    page = read_page(text)
    assert "img" in page.tags  # crops at random and the average face
    assert "–" in words(text)  # no misfit
    assert "nan" not in words(text).lower().split()


def test_photos_count_once_where_all_faces_were_cropped(aligned):
    said = words(write_audit(aligned).read_text("utf-8"))
    assert "Photos with several faces 2 the face nearest the centre was taken" in said
    path = aligned / "manifest.csv"
    lines = path.read_text("utf-8").splitlines()
    (first,) = [line for line in lines if line.startswith("Ada/0.jpg,")]
    lines.append(first.replace("Ada/0.jpg,Ada", "Ada/0.jpg#2,Ada"))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path = aligned / "align.json"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("nearest to the centre", "all, nearest to the centre first"),
        "utf-8",
    )
    said = words(write_audit(aligned).read_text("utf-8"))
    assert "8 of 11 photos gave an aligned face, of 3 people. 3 did not." in said
    assert "There are 9 faces in all." in said
    assert "Photos with several faces 2 each of their faces was taken" in said


def test_path_that_is_no_text_is_written_with_escapes(aligned):
    odd = aligned.with_name(os.fsdecode(b"odd\xff"))
    try:
        aligned.rename(odd)
    except OSError:
        pytest.skip("the file system takes Unicode names only")
    assert r"odd\udcff" in write_audit(odd).read_text("utf-8")
