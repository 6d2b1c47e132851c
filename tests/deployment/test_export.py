"""Tests for tf_sphereface.deployment.export: from a model file to a measured bundle."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from tests.deployment.operators import operators
from tf_sphereface.deployment import (
    ExportOptions,
    Measure,
    export_bundle,
    export_saved_model,
    load_bundle,
)
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.embedding_models import load_backbone
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

VARIANTS = ("none", "fp16", "dynamic", "int8", "int8-io")


def keras_embeddings(path, crops):
    inputs = (crops.astype(np.float32) - 127.5) / 128
    return load_backbone(path).predict(inputs, verbose=0)


def cosines(first, second):
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / norms


@pytest.fixture(scope="module")
def new_faces():
    """People beyond those that the export saw: uint8 (8, 112, 96, 3)."""
    faces = list(synthetic_faces(PixelContract(), people=80, photos_each=1))[72:]
    return np.stack([face.crop for face in faces])


@pytest.mark.parametrize(
    ("variant", "least"),
    [("none", 1 - 1e-6), ("fp16", 0.99999), ("dynamic", 0.999), ("int8", 0.985)],
)
def test_variant_embeds_new_faces_as_keras(
    bundle, classifier_file, new_faces, variant, least
):
    crops = new_faces
    actual = load_bundle(bundle.path).embedder(variant).embed(crops)
    assert cosines(actual, keras_embeddings(classifier_file, crops)).min() > least


def test_recorded_figures_are_those_of_the_file(bundle):
    for name in VARIANTS:
        variant = bundle.contract.variants[name]
        embedder = bundle.embedder(name)
        assert variant.bytes == (bundle.path / variant.file).stat().st_size
        assert variant.input.shape == (1, 112, 96, 3)
        assert variant.output.shape == (1, 32)
        assert variant.input.name == "aligned_face"
        assert variant.output.name == "embedding"
        assert embedder.input_details["name"] == "aligned_face"
        assert embedder.output_details["name"] == "embedding"
        assert variant.drift.crops == 64
        assert variant.gate.passed
        assert (variant.quantization is None) == (name == "none")
        assert (variant.verification, variant.thresholds) == (None, None)
    sizes = [bundle.contract.variants[name].bytes for name in VARIANTS]
    assert sizes[0] > 1.8 * sizes[1] > 2.9 * sizes[2]
    assert bundle.contract.default_variant == "none"


def test_int8_input_tells_every_pixel_value_from_the_next(bundle):
    record = bundle.contract.variants["int8-io"].input
    assert record.dtype == "int8"
    assert bundle.contract.variants["int8"].input.dtype == "float32"
    real = (np.arange(256) - 127.5) / 128
    exact = real / record.quantization.scale + record.quantization.zero_point
    assert exact.min() >= -128.5 and exact.max() <= 127.5
    # No value lies near a half, where languages round differently.
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-3
    assert len(np.unique(np.round(exact))) >= 255


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_have_only_mobile_operators(bundle, variant):
    record = bundle.contract.variants[variant]
    counts = operators((bundle.path / record.file).read_bytes())
    assert (counts["CONV_2D"], counts["PRELU"]) == (4, 4)
    assert not {"SHAPE", "PACK", "STRIDED_SLICE", "VAR_HANDLE"} & set(counts)
    assert not [name for name in counts if name.startswith("Flex")]


@pytest.mark.slow
def test_calibration_folder_is_used(classifier_file, aligned, tmp_path):
    options = ExportOptions(
        ("int8",), calibration=aligned, representative=20, mirror="none"
    )
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options)
    samples = bundle.contract.samples
    assert bundle.contract.variants["int8"].drift.crops == samples.compared == 8
    assert (samples.representative, samples.representative_people) == (20, 16)
    assert list(bundle.contract.variants) == ["int8"]
    assert bundle.contract.feature.mirror == "none"


@pytest.mark.quick_cases("few")
@pytest.mark.parametrize(
    ("folder", "variant", "message"),
    [
        ("wrong", "none", "not an aligned face of 112 x 96"),
        ("empty", "none", "too few aligned faces"),
        ("few", "int8", "32 of 16 people to take ranges from, 500 are needed"),
        ("missing", "none", "no such folder"),
    ],
    ids=["wrong", "empty", "few", "missing"],
)
def test_unusable_calibration_folder_is_refused(
    classifier_file, aligned, tmp_path, folder, variant, message
):
    for name in ("wrong", "empty"):
        (tmp_path / name).mkdir()
    for index in range(8):
        Image.new("RGB", (96, 100)).save(tmp_path / "wrong" / f"{index}.png")
    folder = aligned if folder == "few" else tmp_path / folder
    options = ExportOptions((variant,), calibration=folder)
    with pytest.raises(InputError, match=message):
        export_bundle(classifier_file, tmp_path / "bundle", options)
    assert not (tmp_path / "bundle").exists()


class Report:
    """The part of a verification report that `measurement_of` reads."""

    class operating:  # noqa: N801 - an attribute of the report
        at_far = ()

        class accuracy:  # noqa: N801
            threshold = 0.5

    tar_at_far = {}
    same = (True, False)

    def __init__(self, accuracy):
        self.accuracy = accuracy


class Search:
    """The part of an identification report that `identification_of` reads."""

    counts = {"gallery_people": 50, "trials": 200, "unknown_probes": 90}
    dir_at_fpir = {}

    def __init__(self, rank_1):
        self.rank_1 = rank_1


def test_a_gallery_of_the_float_variant_counts_for_the_gate(
    classifier_file, aligned, tmp_path
):
    def identify(gallery, probe):
        return Search(0.9 if gallery is probe else 0.8)

    bundle = export_bundle(
        classifier_file,
        tmp_path / "bundle",
        ExportOptions(("none", "dynamic"), calibration=aligned),
        Measure(lambda source: Report(0.9), lambda *_: Report(0.9), identify=identify),
    )
    none, dynamic = bundle.contract.variants.values()
    assert none.identification.rank_1 == dynamic.identification.rank_1 == 0.9
    assert dynamic.cross_variant.identification.rank_1 == 0.8
    assert none.gate.passed
    assert dynamic.gate.failures == (
        "rank 1, float gallery 10.00 points below float, the limit is 1.5",
    )


@pytest.mark.slow
def test_variants_are_measured_alone_and_as_probes(classifier_file, aligned, tmp_path):
    seen = []

    def plain(source):
        seen.append(source)
        assert source.embedding_dim == 64  # the feature: crop and mirror image
        return Report((9 - len(seen)) / 10)

    def cross_variant(gallery, probe):
        assert gallery is seen[0] and probe is seen[-1]
        return Report(0.75)

    options = ExportOptions(("dynamic", "none"), calibration=aligned)
    bundle = export_bundle(
        classifier_file,
        tmp_path / "bundle",
        options,
        Measure(plain, cross_variant, "few"),
    )
    variants = bundle.contract.variants
    assert len(seen) == 2  # the float file once, though it is asked for too
    assert variants["none"].verification.accuracy == 0.8
    assert variants["none"].cross_variant is None
    assert variants["dynamic"].verification.accuracy == 0.7
    assert variants["dynamic"].cross_variant.verification.accuracy == 0.75
    assert variants["dynamic"].gate.failures == (
        "accuracy 10.00 points below float, the limit is 0.5",
    )
    assert variants["none"].gate.passed


@pytest.mark.slow
def test_ready_file_is_measured_like_any_other(
    bundle, classifier_file, aligned, tmp_path
):
    ready = bundle.path / bundle.contract.variants["dynamic"].file
    options = ExportOptions(("none",), calibration=aligned, ready={"mine": ready})
    again = export_bundle(classifier_file, tmp_path / "bundle", options)
    variant = again.contract.variants["mine"]
    assert variant.file == "embedder_mine.tflite"
    assert variant.quantization.quantizer == "training"
    assert 0.998 < variant.drift.min_cosine < 0.9999999
    missing = ExportOptions(calibration=aligned, ready={"mine": tmp_path / "no.tflite"})
    with pytest.raises(InputError, match="no such TFLite model: .*no.tflite"):
        export_bundle(classifier_file, tmp_path / "other", missing)


@pytest.mark.slow
@pytest.mark.parametrize("mirror", ["concat", "mean"])
def test_everything_inside_gives_the_feature_of_raw_pixels(
    tiny, aligned, tmp_path, new_faces, mirror
):
    tiny(channel_order="BGR").save(tmp_path / "bgr.keras")
    options = ExportOptions(
        ("none", "int8-io"),
        mirror=mirror,
        inside=("pixels", "mirror", "l2"),
        calibration=aligned,
        representative=20,
    )
    bundle = export_bundle(tmp_path / "bgr.keras", tmp_path / "bundle", options)
    contract = load_bundle(bundle.path).contract
    assert contract.feature.inside == ("pixels", "mirror", "l2")
    assert contract.variants["none"].input.dtype == "uint8"
    network = load_backbone(tmp_path / "bgr.keras")
    plain, mirrored = (
        network.predict((faces[..., ::-1].astype(np.float32) - 127.5) / 128, verbose=0)
        for faces in (new_faces, new_faces[:, :, ::-1])
    )
    joined = np.concatenate([plain, mirrored], axis=1)
    expected = joined if mirror == "concat" else (plain + mirrored) / 2
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    actual = bundle.embedder("none").embed(new_faces)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert cosines(bundle.embedder("int8-io").embed(new_faces), expected).min() > 0.98


@pytest.mark.slow
def test_free_batch(classifier_file, aligned, tmp_path, new_faces):
    options = ExportOptions(batch=None, calibration=aligned)
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options)
    assert bundle.contract.variants["none"].input.shape == (-1, 112, 96, 3)
    np.testing.assert_allclose(
        bundle.embedder().embed(new_faces),
        keras_embeddings(classifier_file, new_faces),
        atol=1e-5,
    )


def test_existing_output_is_refused_or_replaced(
    bundle, classifier_file, aligned, tmp_path
):
    out, options = tmp_path / "bundle", ExportOptions(calibration=aligned)
    shutil.copytree(bundle.path, out)
    before = (out / "contract.json").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        export_bundle(classifier_file, out, options)
    assert (out / "contract.json").read_bytes() == before
    again = ExportOptions(("fp16",), calibration=aligned, overwrite=True)
    export_bundle(classifier_file, out, again)
    assert list(load_bundle(out).contract.variants) == ["fp16"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_model_trained_in_bfloat16_exports_as_float32(tiny, aligned, tmp_path, crops):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        tiny().save(tmp_path / "mixed.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    options = ExportOptions(calibration=aligned)
    bundle = export_bundle(tmp_path / "mixed.keras", tmp_path / "bundle", options)
    expected = tiny().predict((crops.astype(np.float32) - 127.5) / 128, verbose=0)
    np.testing.assert_allclose(bundle.embedder().embed(crops), expected, atol=1e-5)
    counts = operators((bundle.path / "embedder.tflite").read_bytes())
    assert "CAST" not in counts


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": ()},
        {"variants": ("float32",)},
        {"variants": ("none", "none")},
        {"inside": ("flip",)},
        {"mirror": "sum"},
        {"representative": 0},
        {"batch": 0},
        {"ready": {"int8": "a.tflite"}},
    ],
)
def test_bad_options_are_named(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}`"):
        ExportOptions(**wrong)


@pytest.mark.slow
def test_saved_model_holds_each_weight_once(backbone_file, aligned, tmp_path):
    export_saved_model(backbone_file, tmp_path / "saved_model", aligned)
    (variables,) = (tmp_path / "saved_model" / "variables").glob("*.data-*")
    weights = 4 * load_backbone(backbone_file).count_params()
    assert weights <= variables.stat().st_size < 1.2 * weights
