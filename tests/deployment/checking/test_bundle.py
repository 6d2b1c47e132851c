"""Tests for tf_sphereface.deployment.checking.bundle."""

import os

import pytest

from tests.deployment.checking.small_bundle import copy, no_change, rewrite, whole
from tf_sphereface.bundle.bundle import contract_difference
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.bundle.tflite_metadata import (
    metadata_entries,
    read_metadata,
    with_metadata,
)
from tf_sphereface.deployment.checking.bundle import check_bundle
from tf_sphereface.errors import InputError

__all__ = ["copy", "whole"]

# What `make_bundle` writes, contract.json and its checksum included.
NAMES = [
    "MODEL_CARD.md",
    "contract.json",
    "contract.json.sha256",
    "contract.schema.json",
    "detector/onet.tflite",
    "detector/pnet.tflite",
    "detector/rnet.tflite",
    "embedder.tflite",
    "embedder_dynamic.tflite",
    "golden/crop_0.png",
    "golden/crop_1.png",
    "golden/golden.json",
    "golden/photo_0.png",
    "golden/photo_1.png",
]


def test_a_bundle_as_it_was_made_holds(whole):
    check = check_bundle(whole)
    assert check.differences == ()
    assert (check.files, check.golden_faces) == (len(NAMES) - 1, 2)
    assert check.intact_variants() == ["none", "dynamic"]
    found = sorted(p.relative_to(whole).as_posix() for p in whole.rglob("*.*"))
    assert found == NAMES


@pytest.mark.parametrize("file", NAMES)
def test_one_changed_byte_in_any_file_is_told(copy, file):
    path = copy / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        lines = check_bundle(copy).differences
    except InputError as error:
        assert file == "contract.json" and "contract" in str(error)
        return
    told = "contract.json" if file == "contract.json.sha256" else file
    assert any(line.startswith(f"{told}: its checksum differs") for line in lines)
    assert len(lines) <= 2  # the cause, and what could not be checked for it


def test_every_byte_of_the_contract_counts(copy):
    path = copy / "contract.json"
    whole = path.read_bytes()
    for place in range(0, len(whole), 41):
        changed = bytearray(whole)
        changed[place] ^= 1
        assert contract_difference(copy, bytes(changed)), place
    assert contract_difference(copy, whole) is None


def test_a_figure_that_was_improved_is_told(copy):
    path = copy / "contract.json"
    path.write_text(
        path.read_text().replace('"mean_cosine": 1.0', '"mean_cosine": 0.9')
    )
    (line,) = check_bundle(copy).differences
    assert line.startswith("contract.json: its checksum differs")


@pytest.mark.parametrize("file", [name for name in NAMES if name != "contract.json"])
def test_a_missing_file_is_told(copy, file):
    (copy / file).unlink()
    assert f"{file}: missing" in check_bundle(copy).differences


@pytest.mark.timeout(60)  # a pipe that is opened as a plain file waits for ever
@pytest.mark.parametrize("kind", ["pipe", "endless", "link", "dangling"])
@pytest.mark.parametrize("file", ["golden/photo_1.png", "MODEL_CARD.md"])
def test_a_link_or_pipe_is_told_and_not_opened(copy, file, kind):
    path, other = copy / file, copy.parent / "other"
    path.rename(other)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"endless": "/dev/zero", "link": other}.get(kind, "none"))
    (line,) = check_bundle(copy).differences
    assert line.startswith(f"{file}: a bundle holds regular files only")


@pytest.mark.parametrize("file", ["notes.txt", ".hidden", "golden/photo_9.png", "a/b"])
def test_an_unknown_file_is_told(copy, file):
    (copy / file).parent.mkdir(exist_ok=True)
    (copy / file).write_text("x")
    assert check_bundle(copy).differences == (f"{file}: the contract does not name it",)


@pytest.mark.parametrize("file", [".DS_Store", "golden/Thumbs.db", "desktop.ini"])
def test_clutter_of_systems_is_overlooked(copy, file):
    (copy / file).write_text("x")
    assert check_bundle(copy).differences == ()


def test_a_bundle_without_a_model_card_is_told(copy):
    (copy / "MODEL_CARD.md").unlink()
    rewrite(copy, lambda content: content["documents"].pop("model_card"))
    assert check_bundle(copy).differences == (
        "MODEL_CARD.md: the contract does not name it",
    )


def test_what_is_no_bundle_is_an_input_error(tmp_path, copy):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "missing", tmp_path / "empty", copy / "contract.json"):
        with pytest.raises(InputError, match="not a bundle"):
            check_bundle(folder)
    (copy / "contract.json").write_text("{")
    with pytest.raises(InputError, match="damaged contract"):
        check_bundle(copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"feature": FeatureRecord(mirror="none")},
            "its metadata says feature {'mirror': 'none', 'inside': []}, the contract "
            "{'mirror': 'concat', 'inside': []}",
        ),
        ({"variant": "int8"}, "its metadata says variant 'int8', the contract 'none'"),
        ({"thresholds": {"far_0.01": 0.3}}, "its metadata says thresholds"),
    ],
)
def test_metadata_that_is_not_the_contracts_is_told(copy, change, told):
    path = copy / "embedder.tflite"
    content = path.read_bytes()
    changed = read_metadata(content).model_copy(update=change)
    path.write_bytes(with_metadata(content, changed))
    rewrite(copy, no_change)
    lines = check_bundle(copy).differences
    assert any(line.startswith(f"embedder.tflite: {told}") for line in lines)
    assert all(line.startswith("embedder.tflite: its ") for line in lines)


def test_a_file_without_metadata_is_told(copy):
    path = copy / "embedder.tflite"
    path.write_bytes(path.read_bytes().replace(b"tf_sphereface", b"tf_elsewhere!"))
    rewrite(copy, no_change)
    assert check_bundle(copy).differences == ("embedder.tflite: it has no metadata",)


def test_the_standard_metadata_is_compared_too(copy):
    path = copy / "embedder.tflite"
    content = path.read_bytes()
    standard = metadata_entries(content)["TFLITE_METADATA"]
    path.write_bytes(content.replace(standard, standard.replace(b"BGR", b"RGB")))
    changed = content != path.read_bytes()
    if not changed:  # the tiny network is RGB
        path.write_bytes(content.replace(standard, standard.replace(b"RGB", b"BGR")))
    rewrite(copy, no_change)
    assert check_bundle(copy).differences == (
        "embedder.tflite: its standard metadata is not what the contract says",
    )


def test_thresholds_of_a_calibration_may_be_newer_than_the_file(copy):
    calibration = {
        "genuine": 1,
        "impostor": 1,
        "people": 2,
        "confidence": 0.9,
        "threshold_intervals": {},
        "probability": {"slope": 1, "intercept": 0},
        "frr_target": 0.1,
        "different_below": None,
    }
    measured = {"thresholds": {"far_0.1": 0.5}, "calibration": calibration}
    rewrite(copy, lambda content: content["variants"]["none"].update(measured))
    assert check_bundle(copy).differences == ()
    measured["calibration"] = None
    rewrite(copy, lambda content: content["variants"]["none"].update(measured))
    (line,) = check_bundle(copy).differences
    assert line.startswith("embedder.tflite: its metadata says thresholds None")


@pytest.mark.parametrize(
    ("end", "change", "told"),
    [
        ("input", {"name": "face"}, "its input has name "),
        ("input", {"shape": [1, 112, 112, 3]}, "its input has shape (1, 112, 96, 3)"),
        ("output", {"dtype": "int8"}, "its output has dtype float32"),
        (
            "output",
            {"quantization": {"scale": 0.1, "zero_point": 3}},
            "its output has quantization (0.0, 0), the contract says (0.1, 3)",
        ),
    ],
)
def test_tensors_that_are_not_the_contracts_are_told(copy, end, change, told):
    rewrite(copy, lambda content: content["variants"]["none"][end].update(change))
    (line,) = check_bundle(copy).differences
    assert line.startswith(f"embedder.tflite: {told}")
