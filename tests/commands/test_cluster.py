"""Tests for the command `sphereface cluster`."""

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.bundle import small_bundles
from tests.bundle.small_bundles import write_bundle
from tests.page_reader import read_page
from tf_sphereface.commands import cluster
from tf_sphereface.commands.cluster import main
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile, write_embeddings


@pytest.fixture
def faces(tmp_path):
    """A.npz of two people in the plane: three photos at 0, two at 90, one between."""
    degrees = np.radians([0, 1, 2, 90, 91, 45])
    embeddings = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    names = [f"{person}/{number}.png" for number, person in enumerate("AAABBB")]
    write_embeddings(tmp_path / "A.npz", EmbeddingFile(embeddings, tuple(names)))
    for name in names[:-1]:  # one cannot be shown
        (tmp_path / "aligned" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (96, 112)).save(tmp_path / "aligned" / name)
    return tmp_path


def run(faces, *options):
    arguments = [faces / "A.npz", "--out", faces / "list.csv", *options]
    return main([str(argument) for argument in arguments])


def test_result_is_a_list_and_agreements(faces, capsys):
    assert run(faces, "--threshold", math.cos(math.radians(10))) == 0
    with open(faces / "list.csv", newline="", encoding="utf-8") as file:
        rows = {row["photo"]: row["cluster"] for row in csv.DictReader(file)}
    assert list(rows.values()) == ["1", "1", "1", "2", "2", "unknown"]
    result = json.loads(capsys.readouterr().out)
    assert (result["clusters"], result["unknown_faces"], result["people"]) == (2, 1, 2)
    # Together and of one person: 3 + 1 pairs of 3 + 1 in clusters, of 3 + 3 of people.
    assert result["pairwise"] == {
        "precision": 1,
        "recall": pytest.approx(4 / 6),
        "f": pytest.approx(0.8),
    }
    # Recall: A 3 faces at 1, B two at 2/3 and one at 1/3.
    assert result["bcubed"]["recall"] == pytest.approx((3 + 5 / 3) / 6)


def test_page_and_projector_are_options(faces, capsys):
    options = ["--method", "hdbscan", "--html", faces / "page.html", "--no-people"]
    options += ["--images", faces / "aligned", "--projector", faces / "projector"]
    assert run(faces, *options) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert "people" not in result and result["threshold"] is None
    text = (faces / "page.html").read_text("utf-8")
    page = read_page(text)
    assert page.tags.count("img") == 5 and "not readable" in text
    assert "This page contains photos of people" in text
    assert "page.html contains photos of people" in told.err
    assert "Cluster 1: " in text and "sphereface cluster" in text
    assert len((faces / "projector/metadata.tsv").read_text().splitlines()) == 7


def test_a_page_without_faces_needs_no_photos(faces, capsys):
    options = ["--threshold", "0.9", "--html", faces / "page.html"]
    assert run(faces, *options) == 2
    assert "--html needs --images, or --no-thumbnails" in capsys.readouterr().err
    assert run(faces, *options, "--no-thumbnails") == 0
    text = (faces / "page.html").read_text("utf-8")
    assert "img" not in read_page(text).tags and "photos of people" not in text
    assert "<h1>6 faces</h1>" in text and "1.png" in text and "readable" not in text
    assert "photos of people" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "threshold"),
    [([], 0.42), (["--far", "0.1"], 0.2), (["--threshold", "0.5"], 0.5)],
)
def test_a_bundle_has_the_threshold_of_match(tmp_path, monkeypatch, options, threshold):
    monkeypatch.setattr(small_bundles, "_golden", lambda *_: {})  # no network runs
    thresholds = {"far_0.01": 0.42, "far_0.1": 0.2}
    write_bundle(tmp_path / "bundle", b"x", 32, thresholds=thresholds)
    arguments = [str(tmp_path / "bundle"), "--out", "x.csv", *options]
    assert cluster._threshold(cluster.build_parser().parse_args(arguments)) == threshold


def test_a_bundle_without_thresholds_is_told_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(small_bundles, "_golden", lambda *_: {})
    write_bundle(tmp_path / "bundle", b"x", 32)
    out = tmp_path / "x.csv"
    assert main([str(tmp_path / "bundle"), "--out", str(out)]) == 2
    assert "say --threshold X, or measure one with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "only a bundle has thresholds"),
        (["--far", "0.1"], "only a bundle has thresholds"),
        (["--method", "hdbscan", "--threshold", "0.5"], "takes no --threshold"),
        (["--threshold", "2"], "must be a cosine"),
        (["--threshold", "0.5", "--html", "page.html"], "--html needs --images"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(faces, capsys, options, reason):
    assert run(faces, *options) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and reason in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (faces / "list.csv").exists()


def test_a_list_that_is_there_is_not_replaced(faces, capsys):
    (faces / "list.csv").write_text("mine")
    assert run(faces, "--threshold", "0.5") == 2
    assert "--out must be new" in capsys.readouterr().err
    assert (faces / "list.csv").read_text() == "mine"


def test_outputs_that_cannot_be_are_refused_before_any_is_written(faces, capsys):
    page = ["--threshold", "0.5", "--images", faces / "aligned", "--html"]
    assert run(faces, *page, faces / "list.csv") == 2
    assert "must be two files" in capsys.readouterr().err
    assert not (faces / "list.csv").exists()
    assert run(faces, *page, faces / "page.html", "--projector", faces / "A.npz") == 2
    assert "--projector must be a folder" in capsys.readouterr().err
    assert not (faces / "page.html").exists()


def test_names_that_are_no_text_are_listed_as_they_are(faces):
    names = ("A/caf\udce9.png", "A/2.png")  # as Python reads the byte 0xE9
    (faces / "A.npz").unlink()
    write_embeddings(faces / "A.npz", EmbeddingFile(np.eye(2), names))
    options = ["--html", faces / "page.html", "--images", faces / "aligned"]
    options += ["--projector", faces / "projector", "--threshold", "-1"]
    assert run(faces, *options) == 0
    assert (
        faces / "list.csv"
    ).read_bytes() == b"photo,cluster\nA/caf\xe9.png,1\nA/2.png,1\n"
    assert r"A/caf\udce9.png" in (faces / "page.html").read_text("utf-8")


def test_names_do_not_show_pictures_from_outside_the_images(faces, capsys):
    Image.new("RGB", (96, 112)).save(faces / "secret.png")
    names = np.array([f"A/{number}.png" for number in range(5)] + ["../secret.png"])
    np.savez(faces / "A.npz", embeddings=np.eye(6), names=names)
    page = ["--threshold", "0.5", "--images", faces / "aligned", "--html"]
    assert run(faces, *page, faces / "page.html") == 2
    assert "below the folder of the images" in capsys.readouterr().err
    assert not (faces / "page.html").exists() and not (faces / "list.csv").exists()
