"""Tests for tf_sphereface.bundle.calibration and the command `calibrate`."""

import json
import math
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.bundle.sealing import edit_contract
from tf_sphereface.bundle.calibration import (
    Calibration,
    ProbabilityMap,
    decide,
)
from tf_sphereface.bundle.signatures import SIGNATURE_FILE
from tf_sphereface.commands.calibrate import main
from tf_sphereface.deployment import load_bundle, match_photos
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import make_pairs, write_lfw_pairs
from tf_sphereface.files import sha256_of
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.whole_folders import changing

STORED = {
    "genuine": 60,
    "impostor": 50,
    "people": 12,
    "confidence": 0.95,
    "threshold_intervals": {"far_0.1": {"low": 0.2, "high": 0.4}},
    "probability": {"slope": 20.0, "intercept": -6.0},
    "frr_target": 0.01,
    "different_below": 0.1,
}


def test_probability_is_the_logistic_function_everywhere():
    curve = ProbabilityMap(slope=20, intercept=-6)
    assert curve.probability(0.3) == pytest.approx(0.5)
    assert curve.probability(0.4) == pytest.approx(1 / (1 + math.exp(-2)))
    steep = ProbabilityMap(slope=1e6, intercept=0)  # no overflow
    assert (steep.probability(-1), steep.probability(1)) == (0, 1)


@pytest.mark.parametrize(
    ("score", "decision"),
    [(0.3, "same"), (0.29, "unknown"), (0.1, "unknown"), (0.09, "different")],
)
def test_unknown_lies_between_the_two_thresholds(score, decision):
    calibration = Calibration(**STORED)
    assert decide(score, 0.3, calibration) == decision
    assert decide(score, None, calibration) is None
    plain = "same" if score >= 0.3 else "different"
    assert decide(score, 0.3, None) == plain
    # The second threshold above the first: nothing is unknown.
    crossed = calibration.model_copy(update={"different_below": 0.5})
    assert decide(score, 0.3, crossed) == plain


@pytest.fixture
def folder(bundle, tmp_path):
    return shutil.copytree(bundle.path, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("probability", {"slope": -1.0, "intercept": 0.0}),
        ("threshold_intervals", {"far_0.1": {"low": 0.5, "high": 0.4}}),
        ("confidence", 1.0),
        ("notes", "none"),
    ],
)
def test_damaged_calibration_is_an_input_error(folder, key, value):
    damaged = {"calibration": {**STORED, key: value}}
    edit_contract(folder, lambda content: content["variants"]["none"].update(damaged))
    with pytest.raises(InputError, match="damaged contract"):
        load_bundle(folder)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Aligned faces: ten made-up people, four photos of each that differ by noise."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    faces = list(synthetic_faces(PixelContract(), 10, 2))[::2]  # two of each person
    for number, face in enumerate(faces):
        (folder / f"p{number}").mkdir()
        for photo in range(4):
            crop = face.crop + rng.normal(0, 4, face.crop.shape)
            pixels = np.clip(crop, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"p{number}/{photo}.png")
    return folder


@pytest.fixture
def pairs(people, tmp_path):
    write_lfw_pairs(make_pairs(people, 2, 10, 0), tmp_path / "pairs.txt")
    return tmp_path / "pairs.txt"


def run(*arguments):
    return main([str(argument) for argument in arguments])


SEARCH = {
    "people": 5,
    "probes": 9,
    "unknown_probes": 9,
    "rank_1": 0.9,
    "dir_at_far": {},
}


def test_the_search_of_the_export_stays(folder, people, pairs, capsys):
    def searched(content):
        content["variants"]["none"]["identification"] = SEARCH

    edit_contract(folder, searched)
    options = ["--far", 0.1, "--frr", 0.1, "--resamples", 20]
    assert run(folder, "--images", people, "--pairs", pairs, *options) == 0
    variant = load_bundle(folder).variant("none")
    assert variant.identification.model_dump(mode="json") == SEARCH
    assert variant.calibration is not None


def test_command_writes_what_match_reads(folder, people, pairs, capsys):
    before = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("contract.json")
    }
    (folder / SIGNATURE_FILE).write_bytes(bytes(64))  # holds no longer
    options = ["--far", 0.1, 0.001, "--frr", 0.1, "--resamples", 20]
    assert run(folder, "--images", people, "--pairs", pairs, *options) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)["variants"]
    assert set(result) == {"none", "fp16", "dynamic", "int8", "int8-io"}
    assert set(result["int8"]["thresholds"]) == {"accuracy", "far_0.1"}
    assert "FAR 0.001 needs" in printed.err
    assert result["none"]["calibration"]["genuine"] == 20
    assert result["none"]["calibration"]["people"] == 10
    assert {path: path.read_bytes() for path in before} == before
    assert not (folder / SIGNATURE_FILE).exists()
    assert "note: the signature was of the former contract" in printed.err
    photo = folder / "golden/photo_0.png"
    same = match_photos(folder, (photo, photo), far=0.1)
    assert same["decision"] == "same" and 0.5 < same["probability"] <= 1
    curve = load_bundle(folder).variant().calibration.probability
    assert same["probability"] == curve.probability(same["score"])


def test_bad_input_is_one_line_and_changes_nothing(folder, people, pairs, capsys):
    before = (folder / "contract.json").read_bytes()
    for options, reason in (
        (["--far", 0.001], "suffice for no threshold at FAR 0.001"),
        (["--far", 2], "a FAR must be"),
        (["--resamples", 3], "--resamples must be at least 20"),
        (["--resamples", 10**9], "and at most 100,000"),
        (["--images", folder / "none"], "no such folder"),
        # Before anything is measured: the folder of photos is not looked for.
        (["--frr", 0, "--images", folder / "none"], "an FRR must be above 0"),
    ):
        arguments = [folder, "--images", people, "--pairs", pairs, *options]
        assert run(*arguments) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("error: ") and reason in printed.err
        assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert (folder / "contract.json").read_bytes() == before


def test_two_calibrations_of_one_bundle_exclude_each_other(
    folder, people, pairs, capsys
):
    before = {path: path.read_bytes() for path in folder.glob("contract*")}
    with pytest.raises(KeyboardInterrupt), changing(folder):
        assert run(folder, "--images", people, "--pairs", pairs) == 2
        assert "another process is writing to" in capsys.readouterr().err
        raise KeyboardInterrupt
    assert {path: path.read_bytes() for path in folder.glob("contract*")} == before


def test_links_in_a_bundle_from_elsewhere_are_not_written_through(
    folder, people, pairs
):
    victims = []
    for name in ("contract.schema.json", "contract.json.sha256"):
        victims.append(folder.parent / f"victim {name}")
        (folder / name).rename(victims[-1])
        (folder / name).symlink_to(victims[-1])
    before = [victim.read_bytes() for victim in victims]
    run(folder, "--images", people, "--pairs", pairs, "--far", 0.1, "--resamples", 20)
    assert [victim.read_bytes() for victim in victims] == before


def test_calibration_keeps_the_other_files_and_names_none(folder, people, pairs):
    (folder / "notes.txt").write_text("of the user")
    options = ["--far", 0.1, "--resamples", 20]
    assert run(folder, "--images", people, "--pairs", pairs, *options) == 0
    assert (folder / "notes.txt").read_text() == "of the user"
    assert os.listdir(folder.parent).count("bundle") == 1
    assert not [name for name in os.listdir(folder.parent) if name.startswith(".")]
    said = (folder / "contract.json.sha256").read_text().split()[0]
    assert said == sha256_of(folder / "contract.json")
