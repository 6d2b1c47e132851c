"""Tests for tf_sphereface.deployment.contract."""

import json
import shutil

import pytest

from tf_sphereface.deployment import load_bundle
from tf_sphereface.deployment.contract import (
    BundleContract,
    file_record,
    threshold_key,
)
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

RECORD = {"file": "a.tflite", "sha256": "0" * 64, "bytes": 3}
TENSOR = {"name": "x", "dtype": "float32", "shape": [1, 2], "quantization": None}
STORED = {
    **TENSOR,
    "dtype": "int8",
    "quantization": {"scale": 0.1, "zero_point": -3},
}


def example():
    return {
        "format_version": 1,
        "library_version": "0.1.0",
        "pixels": {
            "height": 112,
            "width": 96,
            "channel_order": "BGR",
            "mean": 127.5,
            "scale": 128.0,
        },
        "embedding_dim": 32,
        "landmark_template": [[1.5, 2.5], [3, 4], [5, 6], [7, 8], [9, 10]],
        "mirror": True,
        "detector": {
            "files": {"pnet": RECORD, "rnet": RECORD, "onet": RECORD},
            "settings": {"smallest_face": 20.0, "thresholds": [0.6, 0.7, 0.9]},
        },
        "variants": {
            "int8": {
                **RECORD,
                "input": TENSOR,
                "output": STORED,
                "drift": {
                    "mean_cosine": 0.999,
                    "p01_cosine": 0.99,
                    "min_cosine": 0.98,
                    "crops": 24,
                },
                "verification": {
                    "pairs": 600,
                    "accuracy": 0.9,
                    "tar_at_far": {"far_0.01": 0.8},
                },
                "thresholds": {"far_0.01": 0.4, "accuracy": 0.35},
            }
        },
        "default_variant": "int8",
        "golden": RECORD,
    }


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
    "place", [(), ("pixels",), ("variants", "int8"), ("detector",), ("golden",)]
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
        ("format_version", 2),
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
        contract.mirror = False


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
    ("far", "key"), [(0.01, "far_0.01"), (1e-3, "far_0.001"), (1e-6, "far_1e-06")]
)
def test_threshold_key(far, key):
    assert threshold_key(far) == key


def damaged_bundle(bundle, tmp_path, change):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle.path, folder)
    content = json.loads((folder / "contract.json").read_text())
    change(content)
    (folder / "contract.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(landmark_template=[[1, 1]] * 5),
        lambda content: content.update(landmark_template=[[200, 10]] * 5),
        lambda content: content["detector"]["files"].pop("pnet"),
        lambda content: content["pixels"].update(scale=1e-300),
        lambda content: content["pixels"].update(mean="dark"),
    ],
)
def test_a_contract_that_would_give_wrong_verdicts_is_refused(bundle, tmp_path, change):
    with pytest.raises(InputError, match="damaged contract"):
        load_bundle(damaged_bundle(bundle, tmp_path, change))


def test_another_embedding_size_than_the_files_is_refused(bundle, tmp_path):
    folder = damaged_bundle(
        bundle, tmp_path, lambda content: content.update(embedding_dim=7)
    )
    with pytest.raises(InputError, match="gives 32 numbers, the contract says 7"):
        load_bundle(folder).embedder()
