"""Tests for tf_sphereface.embedding_models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
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
from tf_sphereface.precision import dtype_policy
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


def test_network_in_float64_comes_out_in_float32(tiny, tmp_path, crops):
    """As a floatx of float64 in the user's script or keras.json makes it."""
    with dtype_policy("float64"):
        network = tiny()
    network.save(tmp_path / "double.keras")
    assert "float64" in policies(network)
    backbone = load_backbone(tmp_path / "double.keras")
    assert policies(backbone) == {"float32"}
    faces = PixelContract().normalize(crops.astype(np.float32))
    np.testing.assert_allclose(backbone(faces), network(faces), rtol=1e-3, atol=1e-4)


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


class Own(layers.Layer):
    """A layer that is not registered, as in people's own scripts."""

    def call(self, inputs):
        return 2 * inputs


def own_function(inputs):
    return 2 * inputs


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("layer", "class 'Own'"),
        ("inner model", "class 'Own'"),
        ("classifier", "class 'Own'"),
        ("model", "class 'Halved'"),
        ("activation", "function 'own_function'"),
    ],
)
def test_missing_code_of_a_model_is_named(tmp_path, kind, named):
    images = keras.Input((4, 4, 3))
    flat = layers.Flatten()(images)
    if kind == "activation":
        model = keras.Model(images, layers.Dense(4, activation=own_function)(flat))
    elif kind == "model":
        model = Halved()
        model.built = True
    else:
        model = keras.Model(images, Own()(layers.Dense(4)(flat)))
    if kind == "inner model":
        model = keras.Model(images, model(images) + 1)
    elif kind == "classifier":
        model = FaceClassifier(model, ASoftmaxLayer(num_classes=4))
    model.save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=f"could not find {named}: ") as caught:
        load_backbone(tmp_path / "model.keras")
    assert "\n" not in str(caught.value)


def test_model_of_something_else_is_refused(tmp_path):
    path = tmp_path / "map.keras"
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs)).save(path)
    with pytest.raises(InputError, match="must take .batch, height, width, 3."):
        load_backbone(path)


def test_model_of_more_pixels_than_any_face_has_is_refused_before_it_runs(tmp_path):
    inputs = keras.Input((100_000, 100_000, 3))  # 56 GB of float16
    outputs = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="at most 1024 x 1024 pixels: .*100000"):
        load_backbone(tmp_path / "m.keras")


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


def small_core():
    """A network with an operator and a batch norm, as people build them."""
    images = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(images)
    x = layers.BatchNormalization()(x)
    x = x + layers.Conv2D(8, 3, padding="same")(x)
    return keras.Model(images, layers.Dense(16)(layers.Flatten()(x)))


class Halved(keras.Model):
    """A subclass that calls one model, and computes something else besides."""

    def __init__(self, core=None, **kwargs):
        super().__init__(**kwargs)
        self.core = core

    def call(self, images):
        return self.core(images * 0.5)


def around(kind):
    """A model that computes something around an inner model."""
    core, images = small_core(), keras.Input((32, 32, 3))
    if kind == "scaled":
        return keras.Model(images, core(images * 0.5 + 0.5))
    if kind == "mirrored":
        both = [core(images), core(images[:, :, ::-1])]
        return keras.Model(images, ops.concatenate(both, axis=1))
    if kind == "after":
        return keras.Model(images, 2 * core(images) + 1)
    if kind == "sequential":
        return keras.Sequential([images, layers.Rescaling(1 / 255), core])
    return keras.Model(images, ASoftmaxLayer(num_classes=4)(core(images - 1)))


@pytest.mark.parametrize(
    ("kind", "inside_classifier"),
    [
        ("scaled", False),
        ("scaled", True),
        ("mirrored", False),
        ("after", True),
        ("sequential", False),
        ("head", False),
    ],
)
def test_operators_around_an_inner_model_are_kept(tmp_path, kind, inside_classifier):
    saved = model = around(kind)
    if inside_classifier:
        saved = FaceClassifier(model, ASoftmaxLayer(num_classes=4))
        saved(np.zeros((1, 32, 32, 3), np.float32))
    saved.save(tmp_path / "model.keras")
    images = np.random.default_rng(2).normal(size=(3, 32, 32, 3)).astype(np.float32)
    expected = model.layers[-1].input if kind == "head" else None
    if expected is not None:
        model = keras.Model(model.input, expected)
    backbone = load_backbone(tmp_path / "model.keras")
    np.testing.assert_allclose(backbone(images), model(images), atol=1e-6)
    folded = fold_batch_norm(backbone)
    np.testing.assert_allclose(folded(images), model(images), atol=1e-5)


def test_batch_norm_before_an_operator_is_folded():
    core, rng = small_core(), np.random.default_rng(3)
    for layer in core.layers:
        layer.set_weights([rng.uniform(size=w.shape) for w in layer.get_weights()])
    images = rng.normal(size=(3, 32, 32, 3)).astype(np.float32)
    folded = fold_batch_norm(core)
    kinds = [type(layer) for layer in folded.layers]
    assert layers.BatchNormalization not in kinds
    np.testing.assert_allclose(folded(images), core(images), rtol=1e-4)


def test_an_operator_that_takes_a_convolution_keeps_its_batch_norm():
    images = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(images)
    outputs = layers.Flatten()(layers.BatchNormalization(name="norm")(x) + x)
    network = keras.Model(images, outputs)
    network.get_layer("norm").set_weights([np.full(4, v) for v in (2.0, 1, 3, 4)])
    faces = np.random.default_rng(5).normal(size=(2, 8, 8, 3)).astype(np.float32)
    folded = fold_batch_norm(network)
    assert folded.get_layer("norm").get_weights()
    np.testing.assert_allclose(folded(faces), network(faces), rtol=1e-5)


def test_a_subclass_is_not_taken_for_the_model_that_it_calls():
    model = Halved(small_core())
    model(np.zeros((1, 32, 32, 3), np.float32))
    assert without_head(model) is model


def test_a_backbone_that_is_not_the_model_is_refused(tmp_path, monkeypatch):
    around("scaled").save(tmp_path / "model.keras")
    monkeypatch.setattr(
        "tf_sphereface.embedding_models._innermost",
        lambda model: next(m for m in model.layers if isinstance(m, keras.Model)),
    )
    with pytest.raises(InputError, match="cannot be separated from its head: the cos"):
        load_backbone(tmp_path / "model.keras")
