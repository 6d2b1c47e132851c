"""Bundles with nonsense in them and right checksums: one line, no traceback."""

import json
import shutil

import numpy as np
import pytest

from tests.deployment.checking.small_bundle import change_golden, copy, rewrite, whole
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.deployment import Embedder
from tf_sphereface.deployment.checking.bundle import check_bundle
from tf_sphereface.errors import InputError

__all__ = ["copy", "whole"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("photo", 5),
        ("photo", ["golden/photo_1.png"]),
        ("photo", "/etc/hostname"),
        ("photo", "../../etc/hostname"),
        ("crop", "golden/\0.png"),
        ("detected", 5),
        ("detected", {"box": [0, 0, 1, 1], "score": 1}),
        ("landmarks", 5),
        ("landmarks", [[0, 0]] * 4),
        ("landmarks", [["a", "b"]] * 5),
        ("landmarks", [[1e308, 0]] * 5),
        ("embeddings", {"none": "x"}),
        ("embeddings", {"none": [[1], [2, 3]]}),
        ("sha256", {"photo": 5, "crop": None}),
    ],
)
def test_a_golden_face_of_other_kinds_is_told(copy, key, value):
    change_golden(copy, lambda face: face.update({key: value}))
    (damaged, none) = check_bundle(copy).differences
    assert damaged.startswith("golden/golden.json: damaged golden file: ")
    assert f"(faces.1.{key}" in damaged
    assert none.startswith("golden faces: none could be checked")


def test_a_golden_file_of_endless_depth_is_told(copy):
    (copy / "golden/golden.json").write_text("[" * 100_000)
    rewrite(copy, lambda content: None)
    assert "damaged golden file" in check_bundle(copy).differences[0]


def test_landmarks_that_no_crop_can_be_cut_by_are_told(copy):
    change_golden(copy, lambda face: face.update(landmarks=[[3.0, 3.0]] * 5))
    (line,) = check_bundle(copy).differences
    assert line.startswith("golden face 1: no crop can be cut (")


def test_a_golden_crop_of_another_size_is_told(copy):
    def swap(face):
        face["crop"] = face["photo"]
        face["sha256"]["crop"] = face["sha256"]["photo"]

    change_golden(copy, swap)
    lines = [line for line in check_bundle(copy).differences if "face 1" in line]
    assert lines[0].startswith("golden face 1: the crop is (")
    for line, name in zip(lines[1:], ("none", "dynamic"), strict=True):
        assert line.startswith(f"golden face 1: {name} cannot embed its crop (")


def test_a_golden_embedding_of_length_zero_is_told(copy):
    def zero(face):
        face["embeddings"]["none"] = [0.0] * len(face["embeddings"]["none"])

    change_golden(copy, zero)
    (line,) = check_bundle(copy).differences
    assert line.startswith("golden face 1: the embedding of none is nan of its length")


def test_a_golden_picture_of_endless_name_is_told(copy):
    change_golden(copy, lambda face: face.update(photo="a" * 300))
    lines = check_bundle(copy).differences
    assert lines[0].startswith("aaa") and lines[0].endswith(": missing")


def test_a_golden_embedding_beyond_all_numbers_is_told_without_a_warning(copy):
    length = 32
    change_golden(copy, lambda face: face["embeddings"].update(none=[1e308] * length))
    (line,) = check_bundle(copy).differences
    assert line.startswith("golden face 1: the embedding of none is ")


def test_a_crop_of_endless_height_is_refused(copy):
    path = copy / "contract.json"
    content = json.loads(path.read_text())
    content["pixels"]["height"] = 10**9
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="`height` and `width` must be 1 to 1024"):
        BundleContract.read(path)


def test_landmarks_of_no_face_are_told(copy):
    change_golden(copy, lambda face: face.update(landmarks=[[3.0, 3.0]] * 5))
    lines = check_bundle(copy).differences
    assert any("no crop can be cut" in line for line in lines)


def test_a_file_with_a_null_in_its_name_is_refused(copy):
    path = copy / "contract.json"
    content = json.loads(path.read_text())
    content["variants"]["none"]["file"] = "a\0b"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="damaged contract.*relative to the bundle"):
        BundleContract.read(path)


@pytest.mark.parametrize(
    ("network", "other"),
    [
        ("pnet", "detector/rnet.tflite"),
        ("rnet", "detector/pnet.tflite"),
        ("rnet", "detector/onet.tflite"),
        ("onet", "detector/rnet.tflite"),
        ("onet", "embedder.tflite"),
        ("pnet", "embedder.tflite"),
    ],
)
def test_another_network_in_the_detector_is_told(copy, network, other):
    shutil.copy(copy / other, copy / f"detector/{network}.tflite")
    rewrite(copy, lambda content: None)
    (line,) = check_bundle(copy).differences
    assert line.startswith("golden faces: not the network ")
    assert f"{network}.tflite" in line


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros(5, np.uint8),
        np.zeros((0, 5), np.uint8),
        5,
        None,
        [],
        "photo.png",
        np.zeros((2, 112, 96), np.uint8),
    ],
)
def test_embed_crops_names_what_is_no_crop(whole, crops):
    with pytest.raises(ValueError, match="`aligned_faces` must be uint8"):
        Embedder(whole, threads=1).embed_crops(crops)


def test_a_list_of_crops_is_as_good_as_an_array(whole):
    embedder = Embedder(whole, threads=1)
    pixels = embedder.contract.pixels
    crop = np.full((pixels.height, pixels.width, 3), 9, np.uint8)
    np.testing.assert_array_equal(
        embedder.embed_crops([crop, crop]), embedder.embed_crops(np.stack([crop] * 2))
    )
