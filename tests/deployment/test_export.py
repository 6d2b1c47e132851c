"""Tests for tf_sphereface.deployment.export: from a model file to checked outputs."""

import collections
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

from tf_sphereface.deployment import (
    ExportOptions,
    VariantMeasurement,
    export_bundle,
    export_saved_model,
    load_bundle,
)
from tf_sphereface.deployment.contract import Verification
from tf_sphereface.deployment.quantization import quantize_static
from tf_sphereface.deployment.sample_faces import synthetic_faces
from tf_sphereface.deployment.saved_model import serving_function
from tf_sphereface.deployment.strip import load_backbone
from tf_sphereface.deployment.tflite import to_tflite
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

VARIANTS = ("none", "fp16", "dynamic", "int8")


def keras_embeddings(path, crops):
    inputs = (crops.astype(np.float32) - 127.5) / 128
    return load_backbone(path).predict(inputs, verbose=0)


def cosines(first, second):
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / norms


def operators(content):
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return collections.Counter(op["op_name"] for op in interpreter._get_ops_details())


@pytest.fixture(scope="module")
def new_faces():
    """People beyond those that the export saw: uint8 (8, 112, 96, 3)."""
    faces = list(synthetic_faces(PixelContract(), people=32, photos_each=1))[24:]
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
        assert variant.input.name == embedder.input_details["name"]
        assert variant.output.name == embedder.output_details["name"]
        assert variant.drift.crops == 24
        assert (variant.verification, variant.thresholds) == (None, None)
    sizes = [bundle.contract.variants[name].bytes for name in VARIANTS]
    assert sizes[0] > 1.9 * sizes[1] > 3.4 * sizes[2]
    assert bundle.contract.default_variant == "none"


def test_int8_input_tells_every_pixel_value_from_the_next(bundle):
    record = bundle.contract.variants["int8"].input
    assert record.dtype == "int8"
    real = (np.arange(256) - 127.5) / 128
    exact = real / record.quantization.scale + record.quantization.zero_point
    assert exact.min() >= -128.5 and exact.max() <= 127.5
    # No value lies near a half, where languages round differently.
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-3
    assert len(np.unique(np.round(exact))) >= 255


def test_int8_range_is_not_the_moving_average(tiny, crops):
    backbone = tiny()
    content = quantize_static(to_tflite(backbone), crops, PixelContract())
    interpreter = Interpreter(model_content=content)
    output = interpreter.get_output_details()[0]
    scale, zero_point = output["quantization"]
    embeddings = backbone.predict((crops.astype(np.float32) - 127.5) / 128, verbose=0)
    assert scale * (127 - zero_point) >= embeddings.max() - scale
    assert scale * (-128 - zero_point) <= embeddings.min() + scale


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_have_only_mobile_operators(bundle, variant):
    record = bundle.contract.variants[variant]
    counts = operators((bundle.path / record.file).read_bytes())
    assert (counts["CONV_2D"], counts["PRELU"]) == (4, 4)
    assert not {"SHAPE", "PACK", "STRIDED_SLICE", "VAR_HANDLE"} & set(counts)
    assert not [name for name in counts if name.startswith("Flex")]


def test_calibration_folder_is_used(classifier_file, aligned, tmp_path):
    options = ExportOptions(variants=("int8",), calibration=aligned, mirror=False)
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options)
    assert bundle.contract.variants["int8"].drift.crops == 12
    assert list(bundle.contract.variants) == ["int8"]
    assert bundle.contract.mirror is False


def test_unusable_calibration_folder_is_refused(classifier_file, aligned, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for index in range(8):
        Image.new("RGB", (96, 100)).save(wrong / f"{index}.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, message in (
        (wrong, "not an aligned face of 112 x 96"),
        (empty, "at least 8 aligned faces"),
        (tmp_path / "missing", "no such folder"),
    ):
        options = ExportOptions(calibration=folder)
        with pytest.raises(InputError, match=message):
            export_bundle(classifier_file, tmp_path / "bundle", options)
    assert not (tmp_path / "bundle").exists()


def test_measurement_is_made_with_each_variant(classifier_file, aligned, tmp_path):
    seen = []

    def measure(embedder):
        seen.append(embedder.input_details["dtype"].__name__)
        rate = len(seen) / 10
        return VariantMeasurement(
            verification=Verification(pairs=6, accuracy=rate, tar_at_far={}),
            thresholds={"far_0.01": rate},
        )

    options = ExportOptions(variants=("int8", "none"), calibration=aligned)
    bundle = export_bundle(classifier_file, tmp_path / "bundle", options, measure)
    variants = bundle.contract.variants
    assert seen == ["int8", "float32"]
    assert variants["int8"].thresholds == {"far_0.01": 0.1}
    assert variants["none"].verification.accuracy == 0.2


def test_existing_output_is_refused_or_replaced(classifier_file, aligned, tmp_path):
    out, options = tmp_path / "bundle", ExportOptions(calibration=aligned)
    export_bundle(classifier_file, out, options)
    before = (out / "contract.json").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        export_bundle(classifier_file, out, options)
    assert (out / "contract.json").read_bytes() == before
    again = ExportOptions(("fp16",), calibration=aligned, overwrite=True)
    export_bundle(classifier_file, out, again)
    assert list(load_bundle(out).contract.variants) == ["fp16"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_saved_model_embeds_as_keras(classifier_file, aligned, tmp_path, crops):
    contract = export_saved_model(classifier_file, tmp_path / "saved", aligned)
    serve = serving_function(tmp_path / "saved")
    inputs = ((crops.astype(np.float32) - 127.5) / 128)[:5]
    actual = serve(aligned_face=tf.constant(inputs))["embedding"].numpy()
    expected = keras_embeddings(classifier_file, crops[:5])
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    stored = json.loads((tmp_path / "saved" / "contract.json").read_text())
    assert stored["pixels"]["channel_order"] == "RGB"
    assert stored["embedding_dim"] == contract.embedding_dim == 32


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


def test_bgr_network_is_fed_bgr(tiny, aligned, tmp_path, crops):
    tiny(channel_order="BGR").save(tmp_path / "bgr.keras")
    options = ExportOptions(calibration=aligned)
    bundle = export_bundle(tmp_path / "bgr.keras", tmp_path / "bundle", options)
    assert load_bundle(bundle.path).contract.pixels.channel_order == "BGR"
    swapped = crops[..., ::-1].astype(np.float32)
    expected = tiny().predict((swapped - 127.5) / 128, verbose=0)
    np.testing.assert_allclose(bundle.embedder().embed(crops), expected, atol=1e-5)


@pytest.mark.parametrize("variants", [(), ("float32",), ("none", "none")])
def test_bad_variants_are_named(variants):
    with pytest.raises(ValueError, match="`variants` must name some of"):
        ExportOptions(variants=variants)


def test_saved_model_holds_each_weight_once(backbone_file, tmp_path):
    export_saved_model(backbone_file, tmp_path / "saved_model")
    (variables,) = (tmp_path / "saved_model" / "variables").glob("*.data-*")
    weights = 4 * load_backbone(backbone_file).count_params()
    assert weights <= variables.stat().st_size < 1.2 * weights
