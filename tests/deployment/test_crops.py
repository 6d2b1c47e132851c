"""Tests for tf_sphereface.deployment.crops, and for what an export makes of it."""

import json

import pytest

from tf_sphereface.bundle.tflite_metadata import read_metadata
from tf_sphereface.data.alignment.settings import given_landmarks
from tf_sphereface.deployment import ExportOptions, Measure, export_bundle
from tf_sphereface.deployment.checking.golden import golden_differences
from tf_sphereface.deployment.crops import crop_of_model
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry
from tf_sphereface.preprocessing import PixelContract

PHOTO, MOVED = CropGeometry(fit="photo"), CropGeometry(112, 96, LANDMARK_TEMPLATE + 2)


def folder(path, crop=None):
    """A folder of crops with this in its align.json, or without one."""
    path.mkdir(parents=True, exist_ok=True)
    if crop is not None:
        record = {"library_version": "1", "settings": given_landmarks(crop)}
        (path / "align.json").write_text(json.dumps(record))
    return path


@pytest.mark.parametrize("crop", [PHOTO, MOVED])
def test_crops_are_the_networks_or_the_folders(tmp_path, crop):
    said, silent = folder(tmp_path / "said", crop), folder(tmp_path / "silent")
    contract = PixelContract()
    assert crop_of_model(None, contract, (silent, said)) == crop
    assert crop_of_model(None, contract, (None, said)) == crop
    assert crop_of_model(crop, contract, (None, silent)) == crop
    assert crop_of_model(None, contract, (silent, None)) == CropGeometry()
    # Another size is refused elsewhere, by the picture that has it.
    assert crop_of_model(None, PixelContract(112, 112), (said,)) == (
        CropGeometry(112, 112)
    )


def test_other_crops_are_refused(tmp_path):
    photo, usual = folder(tmp_path / "a", PHOTO), folder(tmp_path / "b", CropGeometry())
    moved, contract = folder(tmp_path / "c", MOVED), PixelContract()
    message = r"b holds other crops than .* least squares are in the crop, not in the "
    with pytest.raises(InputError, match=message + r"photo \(`align --fit photo`\)"):
        crop_of_model(PHOTO, contract, (usual,))
    with pytest.raises(InputError, match=f"{message}.*align the photos again"):
        crop_of_model(None, contract, (photo, usual))
    with pytest.raises(InputError, match="landmarks are up to 2.8 pixels apart"):
        crop_of_model(CropGeometry(), contract, (moved,))


def test_an_export_takes_the_fit_of_its_crops_into_contract_file_and_card(
    backbone_file, aligned, tmp_path, monkeypatch
):
    said = folder(tmp_path / "said", PHOTO)
    monkeypatch.setattr("tf_sphereface.deployment.export.GOLDEN_FACES", 1)
    measure = Measure(None, None, images=said)
    measure.plain = lambda source: None
    options = ExportOptions(calibration=aligned)
    bundle = export_bundle(backbone_file, tmp_path / "b", options, measure)
    assert bundle.contract.crop == PHOTO
    content = (bundle.path / bundle.variant().file).read_bytes()
    assert read_metadata(content).landmark_fit == "photo"
    assert "least squares of their fit | in the photo" in (
        (bundle.path / "MODEL_CARD.md").read_text()
    )
    # The golden crop is cut as the contract says.
    assert golden_differences(bundle, bundle.golden, ["none"]) == []
