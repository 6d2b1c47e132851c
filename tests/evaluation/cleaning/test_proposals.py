"""Tests for copies, the list, the page and the command, on rendered people."""

import csv
import json
import re
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.page_reader import read_page
from tf_sphereface.commands import clean as command
from tf_sphereface.commands import records
from tf_sphereface.data.aligned.crop_exclusions import read_crop_exclusions
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import ModelEmbeddings
from tf_sphereface.evaluation.cleaning import (
    propose_cleaning,
    write_clean_list,
    write_clean_page,
)
from tf_sphereface.evaluation.cleaning.copies import find_copies
from tf_sphereface.evaluation.cleaning.people import group_by_person
from tf_sphereface.geometry import align_face
from tf_sphereface.preprocessing import PixelContract

PEOPLE, CROPS = 6, 4


class GreyPixels:
    """A stand-in for a model: the small grey picture, of mean 0."""

    kind = "pixels"
    pixel_contract = PixelContract()
    embedding_dim = 12 * 14

    def embed(self, aligned_faces):
        grey = [
            cv2.resize(face.mean(axis=2), (12, 14), interpolation=cv2.INTER_AREA)
            for face in aligned_faces
        ]
        rows = np.array(grey, np.float32).reshape(len(grey), -1)
        return rows - rows.mean(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def rendered():
    rng = np.random.default_rng(11)
    crops = {}
    for person in range(PEOPLE):
        identity = sample_identity(rng)
        for number in range(CROPS):
            photo = render_photo(identity, sample_capture(rng, 15.0))
            crops[f"p{person}/{number}.jpg"] = align_face(photo.image, photo.landmarks)
    return crops


@pytest.fixture
def aligned(tmp_path, rendered):
    """Six people, with three planted copies."""
    folder = tmp_path / "aligned"
    for name, crop in rendered.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(folder / name, quality=95, subsampling=0)
    (folder / "p0/exact.jpg").write_bytes((folder / "p0/1.jpg").read_bytes())
    Image.open(folder / "p1/2.jpg").save(folder / "p1/recoded.jpg", quality=60)
    (folder / "p2/stolen.jpg").write_bytes((folder / "p3/0.jpg").read_bytes())
    return folder


@pytest.fixture
def report(aligned):
    return propose_cleaning(ModelEmbeddings(GreyPixels()), aligned, mirror=False)


def test_planted_copies_are_found_and_no_other(report):
    copies = {
        (f.kind, f.crop, f.other, f.drop) for f in report.findings if "copy" in f.kind
    }
    assert copies == {
        ("exact copy", "p0/exact.jpg", "p0/1.jpg", True),
        ("near copy", "p1/recoded.jpg", "p1/2.jpg", True),
        ("copy under another name", "p2/stolen.jpg", "p3/0.jpg", False),
    }
    assert report.counts()["exact copy"] == 1
    assert (report.crops, report.identities) == (PEOPLE * CROPS + 3, PEOPLE)


def test_list_goes_into_records_after_review(report, aligned, tmp_path, capsys):
    path = tmp_path / "clean.csv"
    write_clean_list(list(report.findings), path)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report.findings)
    assert {"p0/exact.jpg", "p1/recoded.jpg"} <= read_crop_exclusions(path)
    proposed = len(read_crop_exclusions(path))
    assert proposed == report.proposed()
    text = path.read_text("utf-8").replace(
        "one of the names is wrong,no", "one of the names is wrong,yes"
    )
    path.write_text(text, "utf-8")
    options = ["--out", str(tmp_path / "out"), "--exclude-crops", str(path)]
    assert records.main([str(aligned), *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    excluded = len(read_crop_exclusions(path))
    assert "p2/stolen.jpg" in read_crop_exclusions(path)
    assert summary["excluded_crops"] == excluded
    assert summary["records"] == report.crops - excluded


def test_page_shows_the_copies_side_by_side(report, aligned, tmp_path):
    path = tmp_path / "clean.html"
    write_clean_page(report, aligned, path, "clean.csv", "<model>", "sphereface clean")
    text = path.read_text("utf-8")
    page = read_page(text)
    near = text.split("<h2>Near copy</h2>")[1].split("<h2>")[0]
    assert near.count("<img") == 2 and "p1/recoded.jpg" in near
    assert page.tags.count("img") >= 6
    assert "&lt;model&gt;" in text
    assert "drop: yes" in near


def test_page_without_faces_has_the_names(report, aligned, tmp_path):
    pages = []
    for options in ({}, {"thumbnails": False}):
        path = tmp_path / "clean.html"
        write_clean_page(report, aligned, path, "c.csv", "m", "x", **options)
        pages.append(path.read_text("utf-8"))
    assert ["photos of people" in text for text in pages] == [True, False]
    tags = [read_page(text).tags for text in pages]
    assert "img" in tags[0] and "img" not in tags[1]
    assert tags[0].count("li") == tags[1].count("li")
    assert "not readable" not in pages[1]


@pytest.mark.slow
def test_crops_that_a_model_finds_all_alike_are_not_listed_in_pairs():
    count = 500  # 124,750 pairs, of 100 bytes each
    people = group_by_person([f"p/{number}" for number in range(count)])
    noise = np.random.default_rng(0).integers(0, 256, (count, 28, 24, 3), np.uint8)
    arguments = (
        *(np.ones((count, 1), np.float32), people, np.full(count, -1)),
        *(list(map(str, range(count))), list(map(str, range(count)))),
    )
    tracemalloc.start()
    assert find_copies(*arguments, lambda name: noise[int(name)]) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


def test_page_shows_crops_of_any_size(report, aligned, tmp_path):
    for path in aligned.glob("*/*.jpg"):
        Image.new("RGB", (160, 150)).save(path)
    write_clean_page(report, aligned, tmp_path / "c.html", "clean.csv", "m", "command")
    sizes = re.findall(
        r'width="(\d+)" height="(\d+)"', (tmp_path / "c.html").read_text()
    )
    assert set(sizes) == {("160", "150")}


def test_nothing_is_changed(aligned):
    before = {path: path.read_bytes() for path in aligned.rglob("*.jpg")}
    propose_cleaning(ModelEmbeddings(GreyPixels()), aligned, mirror=False)
    assert {path: path.read_bytes() for path in aligned.rglob("*.jpg")} == before


def test_command_writes_list_and_page(aligned, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "tf_sphereface.evaluation.load_embedding_source",
        lambda *_: ModelEmbeddings(GreyPixels()),
    )
    model = tmp_path / "model.tflite"
    model.write_bytes(b"model")
    out, page = tmp_path / "clean.csv", tmp_path / "clean.html"
    arguments = [str(aligned), "--model", str(model), "--out", str(out)]
    assert command.main([*arguments, "--no-mirror", "--html", str(page)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["findings"]["near copy"] == 1
    assert summary["crops"] == PEOPLE * CROPS + 3
    assert out.exists() and "near copy" in page.read_text("utf-8").lower()
    # A reviewed list is not written over.
    out.write_text("reviewed")
    assert command.main(arguments) == 2
    assert "error: --out must be new" in capsys.readouterr().err
    assert out.read_text() == "reviewed"


def test_missing_model_and_lost_crop_are_bad_input(aligned, tmp_path, capsys):
    arguments = [str(aligned), "--model", str(tmp_path / "no.keras")]
    assert command.main([*arguments, "--out", str(tmp_path / "c.csv")]) == 2
    assert "error: no such model" in capsys.readouterr().err
    (aligned / "p0/0.jpg").write_bytes(b"damaged")
    with pytest.raises(InputError, match="0.jpg"):
        propose_cleaning(ModelEmbeddings(GreyPixels()), aligned, mirror=False)
