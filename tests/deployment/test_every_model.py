"""Exported files of all backbones, and of models as people write them, are the models.

The reference is what `keras.models.load_model` gives in inference, never a network of
ours. In other calls Keras' layers for augmentation change the images.
"""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.backbones.test_backbone import BACKBONES, build, names
from tf_sphereface import ASoftmaxLayer, FaceClassifier
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.deployment import ExportOptions, export_bundle
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.embedding_models import load_backbone, network_pixels
from tf_sphereface.errors import InputError
from tf_sphereface.similarity import unit_rows

LEAST_COSINE = 0.9999


def used(model, seed=0):
    """The model with weights and statistics that are not those of the beginning."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "moving" in weight.name or weight.name in ("gamma", "bias", "beta"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def block(images, channels=8):
    x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(images)
    return layers.ReLU()(layers.BatchNormalization()(x))


def core():
    images = keras.Input((32, 32, 3))
    x = block(images)
    x = x + layers.Conv2D(8, 3, padding="same")(x)
    return keras.Model(images, layers.Dense(16)(layers.Flatten()(block(x))))


def functional(outputs):
    images = keras.Input((32, 32, 3))
    return keras.Model(images, outputs(images))


def shared_layers(images):
    conv, norm = layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization()
    x = norm(conv(layers.Conv2D(8, 1)(images)))
    return layers.GlobalAveragePooling2D()(norm(conv(x)) * x)


def two_sides(images):
    network = core()
    return ops.concatenate([network(images), network(images[:, :, ::-1])], axis=1)


def two_networks(images):
    return layers.Average()([core()(images * 0.5), core()(images + 0.1)])


def augmented(images):
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2, 3])(images)
    x = layers.GaussianNoise(0.5)(layers.RandomFlip("horizontal")(x))
    return layers.Dropout(0.5)(core()(x))


def length_one(images):
    x = core()(images)
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis=1, keepdims=True), 1e-12))


def depthwise(images):
    x = layers.DepthwiseConv2D(3, use_bias=False, depth_multiplier=2)(images)
    x = ops.relu(layers.BatchNormalization()(x)) - 0.25 * x
    x = layers.SeparableConv2D(8, 3)(layers.PReLU(shared_axes=[1, 2])(x))
    gate = layers.Dense(8, activation="sigmoid")(ops.mean(x, axis=(1, 2)))
    return layers.Flatten()(x * ops.reshape(gate, (-1, 1, 1, 8)))


def sequential():
    first = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    return keras.Sequential([*first, core(), layers.BatchNormalization()])


def classifier():
    model = FaceClassifier(functional(two_sides), ASoftmaxLayer(num_classes=4))
    model(np.zeros((1, 32, 32, 3), np.float32))
    return model


@keras.saving.register_keras_serializable(package="tests")
class Subclass(keras.Model):
    """A model whose `call` may do anything."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten, self.dense = layers.Flatten(), layers.Dense(4)

    def call(self, images):
        return self.dense(self.flatten(images * 0.5))


def subclass():
    model = Subclass()
    model(np.zeros((1, 32, 32, 3), np.float32))
    return model


MODELS = {
    "operators": core,
    "shared layers": lambda: functional(shared_layers),
    "two sides": lambda: functional(two_sides),
    "two networks": lambda: functional(two_networks),
    "augmented": lambda: functional(functional(augmented)),
    "length one": lambda: functional(length_one),
    "depthwise": lambda: functional(depthwise),
    "rescaled by an operator": lambda: functional(lambda x: core()(x / 255 - 0.5)),
    "sequential": sequential,
    "classifier": classifier,
    "subclass inside": lambda: functional(subclass()),
}
QUICK = {"shared layers", "augmented", "depthwise"}


def least_cosine(path):
    """Of the float file with the model as Keras loads it, on crops of 0..255."""
    loaded = keras.models.load_model(path, compile=False)
    loaded = getattr(loaded, "backbone", loaded)
    backbone = load_backbone(path)
    pixels, _ = network_pixels(backbone, {}, "model")
    file = path.with_suffix(".tflite")
    file.write_bytes(FloatModel(fold_batch_norm(backbone), pixels).content)
    crops = np.random.default_rng(1).integers(
        0, 256, (3, pixels.height, pixels.width, 3), dtype=np.uint8
    )
    expected = np.asarray(
        loaded(pixels.normalize(crops.astype(np.float32)), training=False)
    )
    given = TFLiteEmbedder(file, pixels).embed(crops)
    assert given.shape == expected.shape
    return (unit_rows(given) * unit_rows(expected)).sum(axis=1).min()


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow)
        for kind in MODELS
    ],
)
def test_models_as_people_write_them_are_exported_whole(tmp_path, kind):
    keras.utils.set_random_seed(1)
    used(MODELS[kind]()).save(tmp_path / "model.keras")
    assert least_cosine(tmp_path / "model.keras") >= LEAST_COSINE


@pytest.mark.parametrize("name", names())
def test_every_backbone_is_exported_whole(tmp_path, name):
    assert name in BACKBONES
    used(build(name)).save(tmp_path / "model.keras")
    assert least_cosine(tmp_path / "model.keras") >= LEAST_COSINE


REFUSED = {
    "several outputs": lambda: functional(lambda x: [core()(x), core()(x)]),
    "several inputs": lambda: keras.Model(
        [keras.Input((32, 32, 3)), other := keras.Input((4,))], other * 2
    ),
    "lambda": lambda: functional(layers.Lambda(lambda x: x * 2, output_shape=(4,))),
    "maps": lambda: functional(layers.Conv2D(4, 3)),
    "subclass": subclass,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_exported_is_refused_in_one_line(tmp_path, kind):
    REFUSED[kind]().save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras") as caught:
        export_bundle(tmp_path / "model.keras", tmp_path / "bundle", ExportOptions())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bundle").exists()
