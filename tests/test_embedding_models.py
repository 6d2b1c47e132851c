"""Tests for tf_sphereface.embedding_models."""

import keras
import numpy as np
import pytest

from tf_sphereface.embedding_models import (
    as_float32,
    load_backbone,
    pixel_contract_of,
    without_head,
)
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import ASoftmaxLayer
from tf_sphereface.model_files import model_file
from tf_sphereface.preprocessing import PixelContract


@pytest.fixture
def bfloat16_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def policies(model):
    return {layer.dtype_policy.compute_dtype for layer in model._flatten_layers()}


def test_classifier_and_backbone_files_give_the_same_backbone(
    classifier_file, backbone_file, crops
):
    faces = PixelContract().normalize(crops.astype(np.float32))
    first, second = load_backbone(classifier_file), load_backbone(backbone_file)
    assert first.output_shape == (None, 32)
    np.testing.assert_array_equal(
        first.predict(faces, verbose=0), second.predict(faces, verbose=0)
    )


@pytest.mark.usefixtures("bfloat16_policy")
def test_classifier_trained_in_bfloat16_comes_out_in_float32(tiny, tmp_path, crops):
    classifier = FaceClassifier(tiny(), ASoftmaxLayer(num_classes=5))
    faces = PixelContract().normalize(crops.astype(np.float32))
    classifier(faces)
    classifier.save(tmp_path / "mixed.keras")
    assert "bfloat16" in policies(classifier.backbone)
    backbone = load_backbone(tmp_path / "mixed.keras")
    assert policies(backbone) == {"float32"}
    keras.config.set_dtype_policy("float32")
    expected = tiny()  # the same seed
    np.testing.assert_array_equal(
        backbone.predict(faces, verbose=0), expected.predict(faces, verbose=0)
    )


def test_plain_functional_model_in_bfloat16_is_rebuilt():
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, dtype="mixed_bfloat16")(inputs)
    hidden = keras.layers.Flatten(dtype="mixed_bfloat16")(hidden)
    outputs = keras.layers.Dense(5, dtype="mixed_bfloat16")(hidden)
    model = keras.Model(inputs, outputs)
    rebuilt = as_float32(model)
    assert policies(rebuilt) == {"float32"}
    for ours, theirs in zip(rebuilt.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_float32_model_is_not_rebuilt(tiny):
    backbone = tiny()
    assert as_float32(backbone) is backbone


def test_pixel_contract_is_the_networks_own(tiny):
    assert pixel_contract_of(tiny(channel_order="BGR")).channel_order == "BGR"
    inputs = keras.Input((64, 48, 3))
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(inputs))
    assert pixel_contract_of(keras.Model(inputs, outputs)) == PixelContract(64, 48)


def test_unusable_file_is_an_input_error(classifier_file, tmp_path):
    cut, text = tmp_path / "cut.keras", tmp_path / "text.keras"
    cut.write_bytes(classifier_file.read_bytes()[:5000])
    text.write_text("not a model")
    for path in (cut, text, tmp_path / "missing.keras", tmp_path):
        with pytest.raises(InputError, match="model|run folder"):
            load_backbone(path)


def test_model_of_something_else_is_refused(tmp_path):
    path = tmp_path / "map.keras"
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs)).save(path)
    with pytest.raises(InputError, match="must take .batch, height, width, 3."):
        load_backbone(path)


def functional(labels):
    """A plain Keras script: layers, a head, and perhaps an input for the labels."""
    images = keras.Input((12, 10, 3), name="images")
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(images)
    embeddings = keras.layers.Dense(6)(keras.layers.Flatten()(hidden))
    head = ASoftmaxLayer(num_classes=5)
    if labels == "none":
        outputs = keras.layers.Softmax()(head(embeddings))
        return keras.Model(images, outputs), keras.Model(images, embeddings)
    given = keras.Input((), dtype="int32", name="labels")
    both = [images, given] if labels == "second" else [given, images]
    logits = head(embeddings, given, training=True)
    return keras.Model(both, logits), keras.Model(images, embeddings)


@pytest.mark.parametrize("labels", ["none", "first", "second"])
def test_functional_model_is_cut_before_its_head(tmp_path, labels):
    model, expected = functional(labels)
    model.save(tmp_path / "script.keras")
    network = load_backbone(tmp_path / "script.keras")
    faces = np.random.default_rng(0).normal(size=(3, 12, 10, 3)).astype(np.float32)
    assert network.input_shape == (None, 12, 10, 3)
    np.testing.assert_array_equal(network(faces), expected(faces))


def test_backbone_in_a_functional_model_keeps_its_pixel_contract(tiny, tmp_path):
    images = keras.Input((112, 96, 3))
    backbone = tiny(channel_order="BGR")
    logits = ASoftmaxLayer(num_classes=5)(backbone(images))
    keras.Model(images, logits).save(tmp_path / "script.keras")
    network = load_backbone(tmp_path / "script.keras")
    assert type(network) is type(backbone)
    assert pixel_contract_of(network).channel_order == "BGR"


def test_two_heads_are_refused():
    images = keras.Input((4,))
    heads = [ASoftmaxLayer(num_classes=n, name=f"head_{n}")(images) for n in (2, 3)]
    with pytest.raises(InputError, match="several margin heads: head_2, head_3"):
        without_head(keras.Model(images, heads))


def test_run_folder_gives_its_best_model(tiny, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(InputError, match="not a run folder .no best.keras or last"):
        load_backbone(run)
    for name in ("last.keras", "best.keras"):
        network = tiny()
        network.set_weights(
            [weight * (1 + (name[0] == "b")) for weight in network.get_weights()]
        )
        network.save(run / name)
        loaded = load_backbone(run).get_weights()[0]
        np.testing.assert_array_equal(loaded, network.get_weights()[0])
    assert model_file(run).name == "best.keras"  # as long as last.keras, and before it
