"""Tests for tf_sphereface.bundle.match and tf_sphereface.commands.match."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.bundle.small_bundles import failed, with_variants, write_bundle
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.commands import match as command
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.deployment import match_photos
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.model_files import CONTRACT_FILE
from tf_sphereface.preprocessing import PixelContract


@pytest.fixture(scope="module")
def bundle(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    return write_bundle(folder, FloatModel(tiny(), PixelContract()).content, 32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    paths = folder / "first.png", folder / "second.png"
    for path, face in zip(paths, synthetic_faces(PixelContract(), 2, 1), strict=True):
        Image.fromarray(face.photo).save(path)
    return paths


@pytest.mark.parametrize(("shift", "same"), [(0.0, True), (1e-6, False)])
def test_score_at_the_threshold_is_the_same_person(
    bundle, files, monkeypatch, shift, same
):
    score = match_photos(bundle.path, files)["score"]
    measured = with_variants(bundle, none={"thresholds": {"far_0.01": score + shift}})
    monkeypatch.setattr("tf_sphereface.bundle.match.load_bundle", lambda *_: measured)
    result = match_photos(bundle.path, files)
    assert (result["same"], result["threshold"]) == (same, score + shift)
    assert (result["score"], result["variant"]) == (score, "none")


def test_command_prints_both_faces(bundle, files, capsys):
    assert command.main([str(bundle.path), *map(str, files)]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert [face["photo"] for face in result["faces"]] == [str(file) for file in files]
    for face in result["faces"]:
        x1, y1, x2, y2 = face["box"]
        assert x1 < x2 and y1 < y2 and 0 < face["score"] <= 1
    assert result["same"] is None and "sphereface calibrate" in err
    options = [str(bundle.path), *map(str, files), "--choose", "largest"]
    assert command.main(options) == 0
    assert json.loads(capsys.readouterr().out)["score"] == result["score"]


@pytest.fixture(scope="module")
def two_faces(files, tmp_path_factory):
    """The second photo with the first beside it, which is farther from the middle."""
    first, second = map(read_photo, files)
    gap = np.zeros((len(first), 10, 3), np.uint8)
    strip = np.concatenate([first, gap, second, second[:, :80]], axis=1)
    path = tmp_path_factory.mktemp("photos") / "both.png"
    Image.fromarray(strip).save(path)
    return path


def test_the_right_one_of_two_faces_is_found_and_both_are_counted(
    bundle, files, two_faces, capsys
):
    alone = match_photos(bundle.path, files)["score"]
    for order in ((files[0], two_faces), (two_faces, files[0])):
        result = match_photos(bundle.path, order)
        assert result["score"] > (1 + alone) / 2  # one face, at another place
        found = {face["photo"]: face["faces_found"] for face in result["faces"]}
        assert found == {str(files[0]): 1, str(two_faces): 2}
    centre = match_photos(bundle.path, (files[0], two_faces), choose="centre")
    assert centre["score"] == pytest.approx(alone, abs=0.02)
    assert [face["faces_found"] for face in centre["faces"]] == [1, 2]
    assert command.main([str(bundle.path), str(files[0]), str(two_faces)]) == 0
    note = f"note: several faces in a photo: {files[0]} (1) and {two_faces} (2); the"
    assert f"{note} best of 2 pairs is told" in capsys.readouterr().err


def test_a_reduced_photo_gives_the_score_and_the_box_of_the_whole_one(
    bundle, files, tmp_path, monkeypatch
):
    large = tmp_path / "large.png"
    Image.fromarray(read_photo(files[0]).repeat(4, 0).repeat(4, 1)).save(large)
    monkeypatch.setattr("tf_sphereface.bundle.photo_faces.MOST_PIXELS", 250 * 250)
    result = match_photos(bundle.path, (files[0], large))
    assert result["score"] > 0.9999
    small, enlarged = (np.array(face["box"]) for face in result["faces"])
    np.testing.assert_allclose(enlarged, 4 * small + 1.5, atol=0.3)


def test_failed_gate_is_one_line_and_status_2(bundle, files, capsys):
    contract = with_variants(bundle, bad={"gate": failed("min cosine 0.2")}).contract
    original = bundle.contract
    contract.write(bundle.path / CONTRACT_FILE)
    try:
        options = [str(bundle.path), *map(str, files), "--variant", "bad"]
        assert command.main(options) == 2
    finally:
        original.write(bundle.path / CONTRACT_FILE)
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "error: variant bad failed its gate: min cosine 0.2; choose another with "
        "--variant: none\n",
    )


def test_photo_without_a_face_is_named(bundle, files, tmp_path, capsys):
    grey = tmp_path / "grey.png"
    Image.new("RGB", (100, 100), (127, 127, 127)).save(grey)
    assert command.main([str(bundle.path), str(files[0]), str(grey)]) == 2
    assert capsys.readouterr().err == f"error: no face found: {grey}\n"


@pytest.mark.parametrize("number", [0.0, np.nan, np.inf])
def test_a_network_without_features_is_one_line(
    bundle, files, monkeypatch, capsys, number
):
    monkeypatch.setattr(
        Embedder, "embed_crops", lambda _, crops: np.full((len(crops), 64), number)
    )
    assert command.main([str(bundle.path), *map(str, files)]) == 2
    error = capsys.readouterr().err
    assert "network none of the bundle is unusable" in error and error.count("\n") == 1
