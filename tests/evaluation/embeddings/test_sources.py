"""Tests for tf_sphereface.evaluation.embeddings.sources."""

import json
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.embedding_models import load_backbone, pixel_contract_of
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    KerasEmbedder,
    ModelEmbeddings,
    SavedModelEmbedder,
    describe_model,
    load_embedding_source,
    open_features,
)
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import SoftmaxLayer
from tf_sphereface.preprocessing import PixelContract


def tiny_model(height=8, width=6, outputs=4):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((height, width, 3))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs, activation="tanh")(flat))


def faces(height=8, width=6, number=3):
    shape = (number, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def by_hand(model, crops, bgr=False):
    """Kernel and bias of the last layer in NumPy, after the default pixel contract."""
    kernel, bias = (np.asarray(w) for w in model.layers[-1].get_weights())
    pixels = (crops.astype(np.float64) - 127.5) / 128
    if bgr:
        pixels = np.flip(pixels, -1)
    return np.tanh(pixels.reshape(len(crops), -1) @ kernel + bias)


def save_signature(model, path, dtype=tf.float32, outputs=1):
    @tf.function(input_signature=[tf.TensorSpec((None, 8, 6, 3), dtype, name="face")])
    def serve(face):
        if dtype.is_integer:
            face = (tf.cast(face, tf.float32) - 127.5) / 128
        return {f"embedding{i}": model(face) for i in range(outputs)}

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})


def test_keras_file_is_normalised_and_embedded(tmp_path):
    model = tiny_model()
    model.save(tmp_path / "model.keras")
    source = load_embedding_source(tmp_path / "model.keras")
    assert (source.kind, source.embedding_dim) == ("keras", 4)
    assert source.pixel_contract == PixelContract(8, 6)
    embeddings = source.embed(faces())
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, by_hand(model, faces()), atol=1e-6)


@pytest.mark.parametrize(
    ("files", "taken"), [(["last.keras"], 0), (["last.keras", "best.keras"], 1)]
)
def test_run_folder_gives_its_best_model(tmp_path, files, taken):
    models = [tiny_model() for _ in files]
    for model, name in zip(models, files, strict=True):
        model.save(tmp_path / name)
    source = load_embedding_source(tmp_path)
    np.testing.assert_allclose(
        source.embed(faces()), by_hand(models[taken], faces()), rtol=1e-5, atol=1e-6
    )
    info = describe_model(tmp_path)
    assert info.path == f"{tmp_path.name}/{files[taken]}"
    assert info.sha256 == describe_model(tmp_path / files[taken]).sha256


def test_face_classifier_gives_its_backbone_with_its_contract(tmp_path):
    backbone = SphereFaceCNN(4, 5, width_multiplier=0.05, channel_order="BGR")
    classifier = FaceClassifier(backbone, SoftmaxLayer(7))
    classifier(np.zeros((1, 112, 96, 3), np.float32))
    classifier.save(tmp_path / "classifier.keras")
    source = load_embedding_source(tmp_path / "classifier.keras")
    assert source.pixel_contract == PixelContract(channel_order="BGR")
    crops = faces(112, 96)
    pixels = (crops[..., ::-1].astype(np.float32) - 127.5) / 128
    np.testing.assert_allclose(
        source.embed(crops), np.asarray(backbone(pixels)), atol=1e-6
    )


def test_half_precision_model_gives_float32():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            keras.layers.Flatten(dtype="float16"),
            keras.layers.Dense(2, dtype="float16"),
        ]
    )
    assert KerasEmbedder(model).embed(faces()).dtype == np.float32


def test_source_of_a_model_in_training_follows_its_weights():
    model = tiny_model()
    source = KerasEmbedder(model)
    model.set_weights([weights * 0 for weights in model.get_weights()])
    assert (source.embed(faces()) == 0).all()


class CountsTraces(keras.layers.Layer):
    traces = 0

    def call(self, images):
        self.traces += 1
        return keras.ops.mean(images, axis=(1, 2))


def test_network_is_traced_once_for_batches_of_every_size():
    counter = CountsTraces()
    model = keras.Sequential([keras.Input((8, 6, 3)), counter])
    before = counter.traces
    source = KerasEmbedder(model)
    for number in (1, 2, 8, 9, 21, 0):
        crops = faces(number=number)
        expected = (crops.astype(np.float64) - 127.5).mean((1, 2)) / 128
        np.testing.assert_allclose(source.embed(crops), expected, atol=1e-6)
    assert counter.traces == before + 1


@pytest.mark.parametrize(("gpus", "sizes"), [([], [8, 8, 5]), (["gpu:0"], [21])])
@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_processor_gets_few_images_at_a_time(tmp_path, monkeypatch, kind, gpus, sizes):
    model = tiny_model()
    if kind == "keras":
        source, forward = KerasEmbedder(model), "_compiled"
    else:
        save_signature(model, tmp_path / "saved")
        source = SavedModelEmbedder(tmp_path / "saved", PixelContract(8, 6))
        forward = "_forward"
    found, function = [], getattr(source, forward)
    record = lambda images: (found.append(len(images)), function(images))[1]  # noqa: E731
    monkeypatch.setattr(source, forward, record)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    crops = faces(number=21)
    np.testing.assert_allclose(source.embed(crops), by_hand(model, crops), atol=1e-6)
    assert found == sizes


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_saved_model_with_contract(tmp_path, place):
    model, folder = tiny_model(), tmp_path / "saved"
    save_signature(model, folder)
    pixels = {"height": 8, "width": 6, "channel_order": "BGR", "mean": 127.5}
    contract = (folder if place == "inside" else tmp_path) / "contract.json"
    contract.write_text(json.dumps({"pixels": {**pixels, "scale": 128.0}}))
    source = load_embedding_source(folder)
    assert (source.kind, source.embedding_dim) == ("saved_model", 4)
    np.testing.assert_allclose(
        source.embed(faces()), by_hand(model, faces(), bgr=True), atol=1e-6
    )


def test_saved_model_of_bytes_gets_the_crops_as_they_are(tmp_path):
    model = tiny_model()
    save_signature(model, tmp_path / "saved", tf.uint8)
    contract = {"pixels": {"height": 8, "width": 6}}
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    source = load_embedding_source(tmp_path / "saved")
    np.testing.assert_allclose(
        source.embed(faces()), by_hand(model, faces()), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["keras", "saved_model", "tflite"])
def test_pixels_of_a_file_from_elsewhere(tmp_path, kind):
    """Of any size; what is assumed is said, and what the user says counts."""
    model = tiny_model()
    path = tmp_path / "model.keras"
    model.save(path)
    if kind == "saved_model":
        path = tmp_path / "saved"
        save_signature(model, path)
    elif kind == "tflite":
        save_signature(model, tmp_path / "saved")
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
        path = tmp_path / "model.tflite"
        path.write_bytes(converter.convert())
    source = load_embedding_source(path)
    assert source.pixel_contract == PixelContract(8, 6)
    np.testing.assert_allclose(
        source.embed(faces()), by_hand(model, faces()), atol=1e-6
    )
    (note,) = source.notes
    assert note.startswith(f"{path.name} has no pixel contract: assumed RGB, (pixel - ")
    pixels = {"channel_order": "BGR", "mean": (10.0, 20, 30), "scale": 255.0}
    said = load_embedding_source(path, pixels=pixels)
    assert said.notes == ()
    inputs = (faces()[..., ::-1] - np.float32([10, 20, 30])) / 255
    expected = np.asarray(model(inputs.astype(np.float32)))
    np.testing.assert_allclose(said.embed(faces()), expected, atol=1e-6)


@pytest.mark.parametrize("end", ["activation", "layer"])
def test_probabilities_are_no_embedding(tmp_path, caplog, end):
    """A classifier is named as one, when it is evaluated and when it is exported."""
    activation = "softmax" if end == "activation" else None
    images = keras.Input((112, 96, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(images)
    outputs = keras.layers.Dense(20, activation=activation)(pooled)
    if end == "layer":
        outputs = keras.layers.Softmax()(outputs)
    keras.Model(images, outputs).save(tmp_path / "model.keras")
    note = load_embedding_source(tmp_path / "model.keras").notes[-1]
    assert "model.keras gives 20 probabilities, as a classifier does" in note
    model = load_backbone(tmp_path / "model.keras")
    pixel_contract_of(model)
    assert "gives 20 probabilities" in caplog.messages[-1]
    embedding = keras.Model(model.input, model.layers[-1].input)  # as the note says
    embedding.save(tmp_path / "embedding.keras")
    (other,) = load_embedding_source(tmp_path / "embedding.keras").notes
    assert "pixel contract" in other


def test_model_with_rescaling_inside_gets_raw_pixels(tmp_path):
    core = tiny_model()
    model = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.Rescaling(1 / 255)])
    model.add(core)
    model.save(tmp_path / "model.keras")
    source = load_embedding_source(tmp_path / "model.keras")
    assert "rescales pixels" in source.notes[0]
    expected = np.asarray(core(faces().astype(np.float32) / 255))
    np.testing.assert_allclose(source.embed(faces()), expected, atol=1e-6)
    live = KerasEmbedder(model)  # as in a validation while training
    np.testing.assert_allclose(live.embed(faces()), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["saved", "x.npz", "bundle"])
def test_pixels_that_nothing_takes_are_refused(tmp_path, kind):
    path = tmp_path / kind
    if kind == "saved":
        save_signature(tiny_model(), path, tf.uint8)
    elif kind == "bundle":
        path.mkdir()
        (path / "contract.json").write_text("{}")
    with pytest.raises(InputError, match="pixel|uint8 crops"):
        open_features(path, pixels={"mean": 0.0, "scale": 1.0})


def test_saved_model_with_two_outputs_is_refused(tmp_path):
    save_signature(tiny_model(), tmp_path / "saved", outputs=2)
    with pytest.raises(InputError, match="one input and one output"):
        load_embedding_source(tmp_path / "saved")


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", "archive"],
    ids=["empty", "text", "archive of something else"],
)
@pytest.mark.parametrize(
    "name", ["model.keras", "model.tflite", "saved/saved_model.pb"]
)
def test_file_that_is_no_model_is_one_line(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        path.write_bytes(content)
    model = path.parent if name.endswith(".pb") else path
    with pytest.raises(InputError) as caught:
        load_embedding_source(model)
    assert str(model) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.keras", "no such model"), ("model.h5", "a model must be"), ("", "must be")],
)
def test_path_that_is_no_model_is_refused(tmp_path, name, reason):
    (tmp_path / "model.h5").write_bytes(b"x")
    with pytest.raises(InputError, match=reason):
        load_embedding_source(tmp_path / name)


def test_variant_of_anything_but_a_bundle_is_refused(tmp_path):
    tiny_model().save(tmp_path / "model.keras")
    with pytest.raises(InputError, match="only a bundle has variants"):
        load_embedding_source(tmp_path / "model.keras", variant="int8")


@pytest.mark.parametrize("contract", ["{", "{}", '{"pixels": {"depth": 3}}'])
def test_damaged_contract_is_an_input_error(tmp_path, contract):
    save_signature(tiny_model(), tmp_path / "saved")
    (tmp_path / "saved" / "contract.json").write_text(contract)
    with pytest.raises(InputError, match="cannot load the model"):
        load_embedding_source(tmp_path / "saved")


def test_model_without_one_embedding_a_face_is_refused():
    inputs = keras.Input((8, 6, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    with pytest.raises(InputError, match="one embedding"):
        KerasEmbedder(model)


def test_public_names_load_without_tensorflow():
    script = (
        "import sys\n"
        "from tf_sphereface import evaluation\n"
        "for name in evaluation.__all__: getattr(evaluation, name)\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize(("mirror", "images"), [(None, 1), ("none", 1), ("mean", 2)])
def test_time_is_that_of_one_image(monkeypatch, mirror, images):
    clock = iter([0.0, 3.0, 10.0, 10.8])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))

    class Source:
        kind, pixel_contract, embedding_dim = "test", PixelContract(), 4

        def embed(self, aligned_faces):
            return np.zeros((len(aligned_faces), 4))

    source = Source()
    if mirror:
        source.mirrors_itself, source.mirror = True, mirror
    timed = ModelEmbeddings(source)
    for _ in range(2):  # the first call does not count
        timed.embed(np.zeros((4, 112, 96, 3), np.uint8))
    assert timed.milliseconds_per_face == pytest.approx(200 / images)
