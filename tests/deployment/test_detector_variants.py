"""Tests for the detector's variants: their files, the gate around them, the photos."""

import hashlib

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from PIL import Image

from tf_sphereface.bundle.records import DetectorRecord
from tf_sphereface.deployment import detector_variants
from tf_sphereface.deployment.detector_photos import (
    DetectorPhotos,
    read_detector_photos,
    rendered_photos,
)
from tf_sphereface.deployment.detector_quantization import (
    DETECTOR_VARIANTS,
    calibration_crops,
)
from tf_sphereface.deployment.detector_variants import add_detectors, make_detectors
from tf_sphereface.detection import (
    MTCNN,
    NETWORK_NAMES,
    LiteRTNetworks,
    MTCNNSettings,
    cached_networks,
    load_detector,
)
from tf_sphereface.detection.networks import build_networks
from tf_sphereface.errors import InputError
from tf_sphereface.litert import open_interpreter

EIGHT_BITS = ["dynamic", "int8", "weight-only"]
# Of the outputs on pixels of noise: offsets and landmarks in fractions of a box.
TOLERANCE = {"none": 1e-5, "fp16": 2e-3, "dynamic": 0.1, "int8": 0.1}
GREY = [np.full((60, 60, 3), 127, np.uint8)] * 40


@pytest.fixture(scope="module")
def photos():
    return rendered_photos(calibration=8, compared=24)


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    return make_detectors(tmp_path_factory.mktemp("made"), DETECTOR_VARIANTS, photos)


@pytest.fixture(scope="module")
def keras_networks():
    return build_networks()


def noise(*shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3))
    return ((pixels - 127.5) / 128).astype(np.float32)


def dtypes(path):
    details = open_interpreter(path.read_bytes()).get_tensor_details()
    return {entry["dtype"].__name__ for entry in details}


def test_every_variant_finds_the_faces_of_keras(made):
    assert list(made) == ["none", "fp16", "dynamic", "int8", "weight-only"]
    for checked in made.values():
        assert checked.drift.photos == 24
        assert checked.drift.faces >= 20
        assert checked.drift.found >= 0.95  # one face may be about the threshold
        assert checked.drift.mean_iou > 0.9
        assert checked.drift.mean_landmark_shift < 0.03
    assert made["none"].gate.passed
    assert made["none"].drift.mean_landmark_shift < 1e-3
    assert made["fp16"].drift.mean_landmark_shift < 0.01


def test_files_are_smaller_by_their_bits(made):
    sizes = {
        name: sum(file.stat().st_size for file in checked.path.iterdir())
        for name, checked in made.items()
    }
    assert sizes["fp16"] < 0.52 * sizes["none"]
    for name in EIGHT_BITS:
        assert sizes[name] < 0.3 * sizes["none"]


@pytest.mark.parametrize("variant", EIGHT_BITS)
def test_eight_bits_are_in_rnet_and_onet_only(made, variant):
    folder = made[variant].path
    float_file = cached_networks() / "pnet.tflite"
    assert (folder / "pnet.tflite").read_bytes() == float_file.read_bytes()
    for name in ("rnet", "onet"):
        assert "int8" in dtypes(folder / f"{name}.tflite")


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_half_precision_is_in_all_networks(made, name):
    assert "float16" in dtypes(made["fp16"].path / f"{name}.tflite")


@pytest.mark.parametrize("variant", DETECTOR_VARIANTS)
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 70, 91), (2, 33, 40), (1, 12, 12)])
def test_pnet_takes_photos_of_any_number_and_size(made, keras_networks, variant, shape):
    networks, tolerance = LiteRTNetworks(made[variant].path), TOLERANCE["fp16"]
    offsets, scores = keras_networks["pnet"](noise(*shape))
    actual_offsets, actual_scores = networks.pnet(noise(*shape))
    np.testing.assert_allclose(actual_offsets, offsets, atol=tolerance)
    np.testing.assert_allclose(actual_scores, scores[..., 1], atol=tolerance)


@pytest.mark.parametrize("variant", DETECTOR_VARIANTS)
@pytest.mark.parametrize("count", [0, 1, 21, 100])
def test_any_number_of_crops_is_judged(made, keras_networks, variant, count):
    networks = LiteRTNetworks(made[variant].path)
    for name, side in (("rnet", 24), ("onet", 48)):
        crops = noise(100, side, side)
        actual = getattr(networks, name)(crops[:count])
        for output, expected in zip(actual, keras_networks[name](crops), strict=True):
            expected = expected[:count] if output.ndim == 2 else expected[:count, 1]
            tolerance = TOLERANCE.get(variant, TOLERANCE["dynamic"])
            np.testing.assert_allclose(output, expected, atol=tolerance)


@pytest.mark.parametrize("variant", DETECTOR_VARIANTS)
def test_photos_of_several_sizes_give_the_faces_of_each_alone(made, photos, variant):
    detector = load_detector(made[variant].path)
    several = [photos.compared[0], photos.compared[1][:200], photos.compared[2][:, 30:]]
    together = detector.detect(several)
    assert sum(map(len, together)) >= 2
    for photo, faces in zip(several, together, strict=True):
        (alone,) = detector.detect([photo])
        assert len(alone) == len(faces)
        for one, other in zip(alone, faces, strict=True):
            assert np.abs(one.landmarks - other.landmarks).max() < 0.1


@pytest.mark.parametrize("name", ["rnet", "onet"])
def test_range_of_the_input_is_that_of_all_pixels(made, name):
    content = (made["int8"].path / f"{name}.tflite").read_bytes()
    details = open_interpreter(content).get_tensor_details()
    side = {"rnet": 24, "onet": 48}[name]
    scales = [
        entry["quantization"][0]
        for entry in details
        if tuple(entry["shape"]) == (1, side, side, 3) and entry["dtype"] is np.int8
    ]
    # 256 pixel values and 255 steps between 256 integers.
    assert scales == [pytest.approx(256 / 128 / 255, rel=1e-5)]


def test_probabilities_are_finer_than_256_steps(made):
    scores = LiteRTNetworks(made["int8"].path).onet(noise(100, 48, 48))[-1]
    assert np.abs(scores * 256 - np.round(scores * 256)).max() > 1e-3


def test_crops_are_those_of_the_cascade(photos):
    networks = LiteRTNetworks(cached_networks())
    crops = calibration_crops(networks, photos.calibration)
    assert crops["rnet"].shape[1:] == (24, 24, 3)
    assert crops["onet"].shape[1:] == (48, 48, 3)
    faces = sum(map(len, MTCNN(networks).detect(photos.calibration)))
    assert faces <= (networks.onet(crops["onet"])[2] > 0.9).sum()
    assert len(crops["onet"]) < len(crops["rnet"]) <= 400


def zeroed(path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 1000:
            buffer.data = np.zeros_like(buffer.data)
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))


@pytest.mark.parametrize("name", ["pnet", "onet"])
def test_zeroed_network_fails_the_gate(name, photos, tmp_path, monkeypatch):
    write = detector_variants.write_detector_variant

    def write_zeros(directory, *args):
        write(directory, *args)
        zeroed(directory / f"{name}.tflite")

    monkeypatch.setattr(detector_variants, "write_detector_variant", write_zeros)
    checked = make_detectors(tmp_path, ["dynamic"], photos)["dynamic"]
    assert not checked.gate.passed
    assert "finds 0.0000" in checked.gate.failures[0]


def test_shifted_landmarks_fail_the_gate(photos, tmp_path, monkeypatch):
    class Shifted(LiteRTNetworks):
        def onet(self, crops):
            offsets, landmarks, scores = super().onet(crops)
            return offsets, landmarks + 0.03, scores

    monkeypatch.setattr(
        detector_variants,
        "load_detector",
        lambda folder, settings: MTCNN(Shifted(folder), settings),
    )
    checked = make_detectors(tmp_path, ["none"], photos)["none"]
    assert checked.drift.found == 1
    assert not checked.gate.passed
    assert "mean landmark shift" in checked.gate.failures[0]
    assert all("landmark shift" in line for line in checked.gate.failures)


def test_detectors_are_added_to_a_bundle(made, photos, tmp_path):
    settings = MTCNNSettings(smallest_face=40)
    some = {name: made[name] for name in ("none", "int8")}
    record = add_detectors(tmp_path, some, "int8", settings)
    assert DetectorRecord.model_validate_json(record.model_dump_json()) == record
    assert record.variants["none"].files["onet"].file == "detector/onet.tflite"
    assert record.variants["int8"].files["pnet"].file == "detector/int8/pnet.tflite"
    for variant in record.variants.values():
        for file in variant.files.values():
            content = (tmp_path / file.file).read_bytes()
            assert file.bytes == len(content)
            assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert record.variants["int8"].drift == made["int8"].drift
    assert record.settings["smallest_face"] == 40
    assert load_detector(tmp_path / "detector" / "int8").detect(photos.compared[:1])[0]


def test_unknown_variant_is_named(tmp_path):
    with pytest.raises(InputError, match="no variant 'int4' of the detector; there is"):
        make_detectors(tmp_path, ["none", "int4"], DetectorPhotos([], []))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("calibration", [[], GREY[:2]])
def test_photos_without_faces_cannot_calibrate(tmp_path, photos, calibration):
    with pytest.raises(InputError, match="too few faces to calibrate .* 0 crops"):
        make_detectors(tmp_path, ["int8"], DetectorPhotos(calibration, photos.compared))


def test_photos_without_faces_cannot_be_compared(tmp_path):
    with pytest.raises(InputError, match="too few faces to compare .*: 0 in 40 photos"):
        make_detectors(tmp_path, ["none"], DetectorPhotos([], GREY))


def test_rendered_photos_are_all_different(photos):
    pictures = {photo.tobytes() for photo in (*photos.calibration, *photos.compared)}
    assert (len(photos.calibration), len(photos.compared)) == (8, 24)
    assert len(pictures) == 32


@pytest.fixture
def folder(tmp_path):
    """40 photos of one colour each, 0..39, in two subfolders."""
    for index in range(40):
        place = tmp_path / "photos" / f"person{index % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), (index,) * 3).save(place / f"{index:02d}.png")
    return tmp_path / "photos"


def test_folder_is_parted_into_calibration_and_comparison(folder):
    read = read_detector_photos(folder)
    calibration = {int(photo[0, 0, 0]) for photo in read.calibration}
    compared = {int(photo[0, 0, 0]) for photo in read.compared}
    assert (len(calibration), len(compared)) == (10, 30)
    assert calibration | compared == set(range(40))
    assert read.compared[0].shape == (30, 20, 3)


def test_folder_with_too_few_photos_is_refused(folder):
    for index in range(0, 40, 4):
        (folder / "person0" / f"{index:02d}.png").unlink()
    with pytest.raises(InputError, match="at least 32 photos, better 200: .* 30"):
        read_detector_photos(folder)


def test_damaged_photo_and_missing_folder_are_named(folder):
    (folder / "person1" / "07.png").write_bytes(b"no photo")
    with pytest.raises(InputError, match="not an image: .*07.png"):
        read_detector_photos(folder)
    with pytest.raises(InputError, match="no such folder of photos: .*nowhere"):
        read_detector_photos(folder / "nowhere")
