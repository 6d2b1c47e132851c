"""Tests for tf_sphereface.bundle.upgrade: bundles of format 2 are read as before."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.bundle.contract_example import example, networks
from tests.bundle.sealing import reseal
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.contract import (
    BundleContract,
    OnnxContract,
    SavedModelContract,
    file_record,
)
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.deployment.checking.bundle import check_bundle
from tf_sphereface.deployment.parity.measurement import write_calibrations
from tf_sphereface.errors import InputError
from tf_sphereface.whole_folders import changing

# Written by the library when 2 was its format; every field has a value.
STORED = Path(__file__).with_name("contract_format_2.json")


def stored():
    return json.loads(STORED.read_text())


def written(folder, content):
    (folder / "contract.json").write_text(json.dumps(content))
    return folder / "contract.json"


def test_every_value_of_a_contract_of_format_2_is_kept():
    contract = BundleContract.read(STORED)
    expected = {**example(), "landmark_fit": "crop"}  # it knew no other
    expected["detector"]["files"] = networks("detector")
    others = networks("detector_dynamic")
    expected["documents"] |= {
        f"detector_dynamic_{name}": record for name, record in others.items()
    }
    # It did not say what follows.
    variant = expected["variants"]["int8"]
    variant["runtime"] = variant["identification"] = None
    variant["cross_variant"]["identification"] = None
    assert contract.model_dump(mode="json") == expected


def test_the_default_detector_is_taken(tmp_path):
    content = stored()
    content["detector"]["default_variant"] = "dynamic"
    contract = BundleContract.read(written(tmp_path, content))
    assert contract.detector.folder == "detector_dynamic"
    assert contract.documents["detector_none_onet"].file == "detector/onet.tflite"


@pytest.mark.parametrize("damage", ["graph", "mirror", "detector", "settings"])
def test_a_damaged_contract_of_format_2_is_an_input_error(tmp_path, damage):
    content = stored()
    if damage == "settings":  # an arithmetic that is no longer computed
        content["detector"]["settings"]["package_arithmetic"] = 1.0
    else:
        content[damage] = 5
    with pytest.raises(InputError, match="contract"):
        BundleContract.read(written(tmp_path, content))


def test_contracts_of_servers_are_read():
    common = {key: stored()[key] for key in ("format_version", "pixels", "mirror")}
    drift = stored()["variants"]["int8"]["drift"]
    common |= {"library_version": "0.1.0", "embedding_dim": 32, "drift": drift}
    saved = SavedModelContract.parse(
        json.dumps({**common, "kind": "saved_model", "signatures": {}}).encode()
    )
    assert (saved.feature_dim, saved.feature.output_dim(32)) == (64, 64)
    graph = {"pixels": False, "mirror": False, "l2_normalized": True}
    names = {"input": "aligned_face", "output": "embedding"}
    onnx = OnnxContract.parse(
        json.dumps({**common, "kind": "onnx", "graph": graph, **names}).encode()
    )
    assert onnx.feature.inside == ("l2",)
    assert (onnx.feature_dim, onnx.feature.output_dim(32)) == (64, 32)


@pytest.fixture
def old(bundle, tmp_path):
    """The bundle as format 2 had it, with a second detector."""
    folder = shutil.copytree(bundle.path, tmp_path / "old")
    content = json.loads((folder / "contract.json").read_text())
    feature, detector = content.pop("feature"), content["detector"]
    keys = {"pixels": "pixels", "mirror": "mirror", "l2_normalized": "l2"}
    content["graph"] = {key: step in feature["inside"] for key, step in keys.items()}
    content["mirror"] = feature["mirror"]
    for variant in content["variants"].values():
        variant["mixed"] = variant.pop("cross_variant")
    shutil.copytree(folder / "detector", folder / "detector/int8")
    files = {
        name: file_record(folder, f"detector/int8/{name}.tflite").model_dump()
        for name in detector["files"]
    }
    content["detector"] = {
        "variants": {"none": {"files": detector["files"]}, "int8": {"files": files}},
        "default_variant": "none",
        "settings": {**detector["settings"], "package_arithmetic": 0.0},
    }
    written(folder, {**content, "format_version": 2})
    reseal(folder)
    return folder


def test_bundle_of_format_2_is_verified_and_matched(old, bundle, crops):
    check = check_bundle(old)
    assert check.differences == ()
    assert check.intact_variants() == list(bundle.contract.variants)
    features = Embedder(load_bundle(old)).embed_crops(crops)
    expected = Embedder(bundle).embed_crops(crops)
    np.testing.assert_array_equal(features, expected)
    (old / "detector/int8/onet.tflite").write_bytes(b"changed")
    assert len(check_bundle(old).differences) == 1


def test_calibration_writes_the_present_format_and_its_schema(old):
    with changing(old) as folder:
        written_again = write_calibrations(load_bundle(old), {}, folder)
    content = json.loads((old / "contract.json").read_text())
    assert content["format_version"] == 3
    assert written_again.contract == BundleContract.model_validate(content)
    assert check_bundle(old).differences == ()
