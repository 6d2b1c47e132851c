"""Tests for the command `sphereface match`."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.bundle.sealing import edit_contract
from tf_sphereface.bundle.bundle import sign_bundle
from tf_sphereface.bundle.signatures import make_key
from tf_sphereface.commands.match import main


@pytest.fixture(scope="module")
def bundles(bundle, tmp_path_factory):
    """(without thresholds, with thresholds that accept all and nearly none)."""
    folder = tmp_path_factory.mktemp("bundles")
    plain = shutil.copytree(bundle.path, folder / "plain")
    measured = shutil.copytree(plain, folder / "measured")
    said = {"thresholds": {"far_0.01": -1.0, "far_0.001": 1.0}}
    edit_contract(measured, lambda content: content["variants"]["none"].update(said))
    return plain, measured


@pytest.fixture(scope="module")
def photos(bundles):
    return [bundles[0] / f"golden/photo_{index}.png" for index in (0, 1)]


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_result_has_score_threshold_and_faces(bundles, photos, capsys):
    assert run(bundles[1], *photos) == 0
    result = json.loads(capsys.readouterr().out)
    assert -1 <= result["score"] < 1
    assert (result["threshold"], result["same"], result["far"]) == (-1.0, True, 0.01)
    assert result["variant"] == "none"
    for face, photo in zip(result["faces"], photos, strict=True):
        assert face["photo"] == str(photo)
        left, top, right, bottom = face["box"]
        assert 0 < left < right < 250 and 0 < top < bottom < 250
        assert 0.9 < face["score"] <= 1


def test_far_chooses_the_threshold(bundles, photos, capsys):
    assert run(bundles[1], *photos, "--far", "0.001") == 0
    assert json.loads(capsys.readouterr().out)["same"] is False
    assert run(bundles[1], *photos, "--far", "0.0001") == 2
    assert "no threshold at FAR 0.0001" in capsys.readouterr().err


def test_one_photo_against_itself_scores_one(bundles, photos, capsys):
    assert run(bundles[0], photos[0], photos[0], "--variant", "dynamic") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["score"] == pytest.approx(1)
    assert result["variant"] == "dynamic"


def test_a_bundle_that_nobody_has_signed_is_not_trusted(
    bundles, photos, tmp_path, capsys
):
    pytest.importorskip("cryptography")
    trust = ("--trust", make_key(tmp_path / "key"))
    signed = shutil.copytree(bundles[1], tmp_path / "signed")
    assert run(signed, *photos, *trust) == 2
    assert capsys.readouterr().err.startswith("error: not signed: ")
    sign_bundle(signed, tmp_path / "key")
    assert run(signed, *photos, *trust) == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_without_thresholds_same_is_null_with_advice(bundles, photos, capsys):
    assert run(bundles[0], *photos) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["same"], result["threshold"]) == (None, None)
    assert "sphereface calibrate BUNDLE --images DIR --pairs" in printed.err


def test_bad_input_is_one_line_and_exit_2(bundles, photos, tmp_path, capsys):
    grey, damaged = tmp_path / "grey.png", tmp_path / "damaged.jpg"
    Image.fromarray(np.full((120, 120, 3), 127, np.uint8)).save(grey)
    damaged.write_bytes(photos[0].read_bytes()[:2000])
    for arguments, message in (
        ((bundles[0], photos[0], grey), f"no face found: {grey}"),
        ((bundles[0], damaged, photos[0]), f"damaged image: {damaged}"),
        ((bundles[0], tmp_path / "missing.jpg", photos[0]), "no such photo"),
        ((tmp_path, *photos), "not a bundle"),
        ((bundles[0], *photos, "--variant", "int4"), "no variant 'int4'"),
    ):
        assert run(*arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"error: {message}")
        assert printed.err.count("\n") == 1


def test_match_never_loads_tensorflow(bundles, photos):
    program = (
        "import sys\n"
        "from tf_sphereface.commands.main import main\n"
        "code = main(['match', *sys.argv[1:]])\n"
        "loaded = {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, bundles[0], *photos],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["variant"] == "none"
