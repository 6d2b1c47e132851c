"""Tests for tf_sphereface.bundle.tflite_embedder."""

import keras
import numpy as np
import pytest

from tf_sphereface.bundle import tflite_embedder
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract


@pytest.fixture(scope="module")
def float_file(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("embedder") / "float.tflite"
    path.write_bytes(FloatModel(tiny(), PixelContract()).content)
    return path


def keras_embeddings(backbone, crops, contract):
    """The contract's arithmetic written out once more, through Keras."""
    faces = crops[..., ::-1] if contract.channel_order == "BGR" else crops
    inputs = (faces.astype(np.float64) - contract.mean) / contract.scale
    return backbone.predict(inputs.astype(np.float32), verbose=0)


def test_float_file_gives_the_embeddings_of_keras(tiny, float_file, crops):
    embedder = TFLiteEmbedder(float_file, PixelContract())
    expected = keras_embeddings(tiny(), crops, PixelContract())
    actual = embedder.embed(crops)
    assert (actual.dtype, actual.shape) == (np.float32, (12, 32))
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert (embedder.kind, embedder.embedding_dim) == ("tflite", 32)


@pytest.mark.slow
def test_dynamic_batch_file_gives_the_same_embeddings(tiny, crops, tmp_path):
    path = tmp_path / "dynamic_batch.tflite"
    path.write_bytes(FloatModel(tiny(), PixelContract(), batch=None).content)
    embedder = TFLiteEmbedder(path, PixelContract())
    expected = keras_embeddings(tiny(), crops, PixelContract())
    faces = np.concatenate([crops, crops[:7]])  # 16 and then 3 faces
    np.testing.assert_allclose(
        embedder.embed(faces), np.concatenate([expected, expected[:7]]), atol=1e-5
    )
    np.testing.assert_allclose(embedder.embed(crops[:1]), expected[:1], atol=1e-5)


def test_bgr_contract_is_applied_to_rgb_crops(tiny, crops, tmp_path):
    backbone, contract = tiny(channel_order="BGR"), PixelContract(channel_order="BGR")
    path = tmp_path / "bgr.tflite"
    path.write_bytes(FloatModel(backbone, contract).content)
    actual = TFLiteEmbedder(path, contract).embed(crops)
    expected = keras_embeddings(backbone, crops, contract)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    as_rgb = keras_embeddings(backbone, crops, PixelContract())
    assert np.abs(actual - as_rgb).max() > 1e-2


def test_pixels_of_the_graph_are_not_normalised_again(tiny, crops, tmp_path):
    contract, path = PixelContract(channel_order="BGR"), tmp_path / "pixels.tflite"
    backbone = tiny(channel_order="BGR")
    options = FeatureRecord(inside=("pixels",))
    path.write_bytes(FloatModel(backbone, contract, options).content)
    expected = keras_embeddings(backbone, crops, contract)
    for feature in (None, FeatureRecord(inside=("pixels",))):
        embedder = TFLiteEmbedder(path, contract, feature=feature)
        np.testing.assert_allclose(embedder.embed(crops), expected, atol=1e-5)
    with pytest.raises(InputError, match="takes uint8 pixels, its contract says"):
        TFLiteEmbedder(path, contract, feature=FeatureRecord())


def test_file_without_pixels_inside_is_not_taken_for_one(float_file):
    with pytest.raises(InputError, match="does not take uint8 pixels"):
        TFLiteEmbedder(
            float_file, PixelContract(), feature=FeatureRecord(inside=("pixels",))
        )


@pytest.mark.parametrize("threads", [2, 3, 40])
def test_threads_and_grouping_change_no_bit(float_file, crops, threads):
    expected = TFLiteEmbedder(float_file, PixelContract()).embed(crops)
    embedder = TFLiteEmbedder(float_file, PixelContract(), threads)
    np.testing.assert_array_equal(embedder.embed(crops), expected)
    np.testing.assert_array_equal(embedder.embed(crops[3:5]), expected[3:5])
    np.testing.assert_array_equal(embedder.embed(crops[7:8]), expected[7:8])
    assert embedder.embed(crops[:0]).shape == (0, 32)


def test_crops_are_divided_among_all_cores(float_file, crops, monkeypatch):
    expected = TFLiteEmbedder(float_file, PixelContract(), threads=1).embed(crops)
    monkeypatch.setattr(tflite_embedder, "usable_cores", lambda: 3)
    opened, open_one = [], tflite_embedder.open_interpreter
    monkeypatch.setattr(
        tflite_embedder,
        "open_interpreter",
        lambda *args, **kwargs: opened.append(kwargs) or open_one(*args, **kwargs),
    )
    embedder = TFLiteEmbedder(float_file, PixelContract())
    np.testing.assert_array_equal(embedder.embed(crops), expected)
    assert opened == [{"threads": 1}] * 3


def test_no_face_gives_no_row(float_file):
    none = np.zeros((0, 112, 96, 3), np.uint8)
    assert TFLiteEmbedder(float_file, PixelContract()).embed(none).shape == (0, 32)


@pytest.mark.parametrize(
    "faces",
    [np.zeros((1, 112, 96, 3), np.float32), np.zeros((1, 96, 112, 3), np.uint8)],
)
def test_wrong_crops_are_refused(float_file, faces):
    embedder = TFLiteEmbedder(float_file, PixelContract())
    with pytest.raises(ValueError, match="`aligned_faces` must be uint8"):
        embedder.embed(faces)


def test_unusable_file_is_an_input_error(float_file, tmp_path):
    content = float_file.read_bytes()
    cut, empty, text = (tmp_path / name for name in ("cut", "empty", "text"))
    cut.write_bytes(content[: len(content) // 2])
    empty.write_bytes(b"")
    text.write_text("no model " * 50)
    for path in (cut, empty, text, tmp_path / "missing", tmp_path):
        with pytest.raises(
            InputError, match="TFLite model|: the interpreter could not run it"
        ):
            TFLiteEmbedder(path, PixelContract())


def test_file_for_another_crop_size_is_refused(float_file):
    with pytest.raises(InputError, match="112 x 112 crops"):
        TFLiteEmbedder(float_file, PixelContract(112, 112))


def test_file_without_one_embedding_is_refused(tmp_path):
    inputs = keras.Input((112, 96, 3))
    outputs = keras.layers.Conv2D(2, 3)(inputs)
    path = tmp_path / "map.tflite"
    model = keras.Model(inputs, outputs, name="map")
    path.write_bytes(FloatModel(model, PixelContract()).content)
    with pytest.raises(InputError, match="not a face-embedding network"):
        TFLiteEmbedder(path, PixelContract())
