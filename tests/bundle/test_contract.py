"""Tests for tf_sphereface.bundle.contract."""

import copy
import json
import shutil

import pytest

from tests.bundle.contract_example import RECORD, example, variant
from tests.bundle.sealing import edit_contract
from tf_sphereface import deployment
from tf_sphereface.bundle.contract import (
    BundleContract,
    file_record,
    threshold_key,
)
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract


def written(folder, content):
    path = folder / "contract.json"
    path.write_text(json.dumps(content))
    return path


def test_round_trip_keeps_every_value(tmp_path):
    contract = BundleContract.read(written(tmp_path, example()))
    contract.write(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == example()
    assert contract.pixels == PixelContract(channel_order="BGR")
    assert contract.variants["int8"].output.quantization.zero_point == -3


@pytest.mark.parametrize(
    "place",
    [
        (),
        ("pixels",),
        ("model",),
        ("feature",),
        ("variants", "int8"),
        ("variants", "int8", "quantization"),
        ("detector",),
        ("golden",),
    ],
)
def test_unknown_key_is_refused(tmp_path, place):
    content = example()
    part = content
    for key in place:
        part[key] = dict(part[key])
        part = part[key]
    part["colour"] = 1
    with pytest.raises(InputError, match="damaged contract"):
        BundleContract.read(written(tmp_path, content))


@pytest.mark.parametrize("key", ["height", "channel_order", "mean"])
def test_pixels_have_no_defaults_in_a_file(tmp_path, key):
    content = example()
    del content["pixels"][key]
    with pytest.raises(InputError, match="pixels must have exactly"):
        BundleContract.read(written(tmp_path, content))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("feature", {"mirror": "sum"}),
        ("feature", {"mirror": "mean", "inside": ["l2", "l2"]}),
        ("feature", {"mirror": "mean", "inside": ["crop"]}),
        ("default_variant", "fp16"),
        ("landmark_template", [[1, 2]]),
        ("embedding_dim", 0),
        ("variants", {}),
        ("golden", {**RECORD, "file": "../golden.json"}),
        ("golden", {**RECORD, "file": "/etc/passwd"}),
        ("golden", {**RECORD, "sha256": "abc"}),
    ],
)
def test_impossible_value_is_refused(tmp_path, key, value):
    with pytest.raises(InputError, match="damaged contract"):
        BundleContract.read(written(tmp_path, {**example(), key: value}))


def test_other_format_versions_are_told(tmp_path):
    with pytest.raises(
        InputError, match="format version 1, this library reads 2 and 3"
    ):
        BundleContract.read(written(tmp_path, {**example(), "format_version": 1}))


def test_missing_and_damaged_files_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such contract"):
        BundleContract.read(tmp_path / "missing.json")
    with pytest.raises(InputError, match="no such contract"):
        BundleContract.read(tmp_path)
    path = written(tmp_path, example())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged contract"):
        BundleContract.read(path)


def test_contract_is_frozen(tmp_path):
    contract = BundleContract.read(written(tmp_path, example()))
    with pytest.raises(ValueError, match="frozen"):
        contract.default_variant = "none"


def test_file_record_has_size_and_known_checksum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    record = file_record(tmp_path, "abc")
    assert record.bytes == 3
    # FIPS 180-2, appendix B.1.
    assert record.sha256 == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    with pytest.raises(InputError, match="lacks a file"):
        file_record(tmp_path, "missing")


@pytest.mark.parametrize(
    ("mirror", "length"), [("none", 32), ("concat", 64), ("mean", 32)]
)
def test_length_of_a_feature(mirror, length):
    contract = BundleContract.model_validate(
        {**example(), "feature": {"mirror": mirror}}
    )
    assert contract.feature_dim == length
    assert contract.feature.output_dim(32) == 32  # the mirror image is not inside


def test_every_file_has_a_record():
    contract = BundleContract.model_validate(example())
    files = [record.file for record in contract.file_records()]
    networks = [f"detector/{name}.tflite" for name in ("pnet", "rnet", "onet")]
    assert files == ["a.tflite", *networks, "a.tflite", "MODEL_CARD.md"]


@pytest.mark.parametrize(
    "gate", [{"passed": False}, {"passed": True, "failures": ["it is too far"]}]
)
def test_a_gate_says_why_it_failed_and_only_then(gate):
    content = {**example(), "variants": {"int8": variant(gate=gate)}}
    with pytest.raises(ValueError, match="`failures` must be there if, and only if"):
        BundleContract.model_validate(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part["files"].pop("onet"), "must name pnet, rnet and onet"),
        (
            lambda part: part["files"]["onet"].update(file="other/onet.tflite"),
            "must lie in one folder",
        ),
    ],
)
def test_networks_of_a_detector_are_three_in_one_folder(change, message):
    content = copy.deepcopy(example())
    change(content["detector"])
    with pytest.raises(ValueError, match=message):
        BundleContract.model_validate(content)


@pytest.mark.parametrize(
    ("far", "key"), [(0.01, "far_0.01"), (1e-3, "far_0.001"), (1e-6, "far_1e-06")]
)
def test_threshold_key(far, key):
    assert threshold_key(far) == key


def damaged_bundle(bundle, tmp_path, change):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle.path, folder)
    edit_contract(folder, change)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(landmark_template=[[1, 1]] * 5),
        lambda content: content.update(landmark_fit="matlab"),
        lambda content: content.update(landmark_template=[[200, 10]] * 5),
        lambda content: content["detector"]["files"].pop("pnet"),
        lambda content: content["pixels"].update(scale=1e-300),
        lambda content: content["pixels"].update(mean="dark"),
    ],
)
def test_a_contract_that_would_give_wrong_verdicts_is_refused(bundle, tmp_path, change):
    with pytest.raises(InputError, match="damaged contract"):
        deployment.load_bundle(damaged_bundle(bundle, tmp_path, change))


def test_another_embedding_size_than_the_files_is_refused(bundle, tmp_path):
    folder = damaged_bundle(
        bundle, tmp_path, lambda content: content.update(embedding_dim=7)
    )
    with pytest.raises(InputError, match="gives 32 numbers, the contract says 7"):
        deployment.load_bundle(folder).embedder()
