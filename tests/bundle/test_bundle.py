"""Tests for tf_sphereface.bundle.bundle."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.bundle.sealing import edit_contract
from tf_sphereface.deployment import TFLiteEmbedder, load_bundle
from tf_sphereface.deployment.folders import replacing_export
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, align_face


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle.path, tmp_path / "copy")


def test_bundle_gives_embedders_and_detector(bundle):
    loaded = load_bundle(bundle.path)
    assert loaded.contract == bundle.contract
    embedder = loaded.embedder("fp16", threads=1)
    assert isinstance(embedder, TFLiteEmbedder)
    assert embedder.pixel_contract == loaded.contract.pixels
    assert loaded.detector().settings.thresholds == (0.6, 0.7, 0.9)
    np.testing.assert_array_equal(loaded.contract.landmark_template, LANDMARK_TEMPLATE)
    with pytest.raises(InputError, match="no variant 'int4'.*none, fp16, dynamic"):
        loaded.embedder("int4")


@pytest.mark.parametrize(
    "file", ["embedder_int8.tflite", "detector/onet.tflite", "golden/golden.json"]
)
def test_changed_or_missing_file_is_refused(copy, file):
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(InputError, match="checksum differs"):
        load_bundle(copy)
    (copy / file).unlink()
    with pytest.raises(InputError, match="lacks a file"):
        load_bundle(copy)


def test_folder_without_contract_is_no_bundle(tmp_path):
    with pytest.raises(InputError, match="not a bundle"):
        load_bundle(tmp_path)
    with pytest.raises(InputError, match="not a bundle"):
        load_bundle(tmp_path / "missing")


@pytest.mark.parametrize("rule", ["single", "consensus"])
def test_detector_has_the_bundle_s_own_rule_of_landmarks(copy, rule):
    def change(content):
        content["detector"]["settings"]["landmark_rule"] = rule

    edit_contract(copy, change)
    assert load_bundle(copy).detector().settings.landmark_rule == rule


def test_older_bundles_keep_the_landmarks_that_they_were_measured_with(copy):
    edit_contract(
        copy, lambda content: content["detector"]["settings"].pop("landmark_rule")
    )
    assert load_bundle(copy).detector().settings.landmark_rule == "single"


def test_bad_detector_settings_are_an_input_error(copy):
    settings = {"smallest_face": 1}
    edit_contract(
        copy, lambda content: content["detector"]["settings"].update(settings)
    )
    with pytest.raises(InputError, match="detector settings"):
        load_bundle(copy)


def test_golden_faces_lead_from_photo_to_embedding(bundle):
    golden = json.loads((bundle.path / "golden/golden.json").read_text())
    assert len(golden["faces"]) == 4
    for face in golden["faces"]:
        photo, crop = (
            np.asarray(Image.open(bundle.path / face[key])) for key in ("photo", "crop")
        )
        np.testing.assert_array_equal(align_face(photo, face["landmarks"]), crop)
        (found,) = bundle.detector().detect([photo])
        np.testing.assert_allclose(
            found[0].landmarks, face["detected"]["landmarks"], atol=1e-3
        )
        for name in bundle.contract.variants:
            embedding = bundle.embedder(name).embed(crop[None])[0]
            expected = np.array(face["embeddings"][name])
            np.testing.assert_allclose(embedding, expected, atol=1e-5)


def test_failure_leaves_neither_output_nor_temporary_folder(tmp_path):
    with pytest.raises(RuntimeError), replacing_export(tmp_path / "out") as folder:
        (folder / "half").write_text("written")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_earlier_export(copy):
    before = (copy / "contract.json").read_bytes()
    with pytest.raises(RuntimeError), replacing_export(copy, overwrite=True):
        raise RuntimeError
    assert (copy / "contract.json").read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_overwrite_spares_what_is_no_export(tmp_path):
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "a.jpg").write_bytes(b"x")
    with (
        pytest.raises(InputError, match="not an earlier export"),
        replacing_export(precious, overwrite=True),
    ):
        pass
    assert (precious / "a.jpg").exists()


def test_reading_bundles_does_not_load_tensorflow():
    program = (
        "import sys, tf_sphereface.deployment as d; d.Embedder, d.load_bundle; "
        "print({'tensorflow', 'keras', 'ai_edge_quantizer'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
