"""Tests for tf_sphereface.backbones.keras_application."""

import importlib
import inspect

import keras
import numpy as np
import pytest
from keras import ops

from tf_sphereface.backbones import KerasApplication, from_keras_application
from tf_sphereface.backbones.keras_application import pixels_of
from tf_sphereface.preprocessing import PixelContract

NETWORKS = sorted(
    name
    for name in dir(keras.applications)
    if inspect.isfunction(getattr(keras.applications, name))
)
TINY = {"options": {"alpha": 0.35}, "height": 32, "width": 48}


def test_there_are_networks_to_test():
    assert len(NETWORKS) > 30


@pytest.mark.parametrize("name", NETWORKS)
def test_pixels_are_those_of_the_networks_own_preprocessing(name):
    function = getattr(keras.applications, name)
    module = importlib.import_module(function.__module__)
    if name.startswith("ResNet") and name.endswith("V2"):
        module = keras.applications.resnet_v2
    faces = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype("float32")
    arguments, statistics = pixels_of(name)
    renamed = {
        {"pixel_mean": "mean", "pixel_scale": "scale"}.get(key, key): value
        for key, value in arguments.items()
    }
    pixels = PixelContract(4, 5, **renamed).normalize(faces)
    if statistics is not None:
        mean, variance = (np.array(part) for part in statistics)
        pixels = (pixels - mean) / np.sqrt(variance)
    expected = module.preprocess_input(faces.copy())
    np.testing.assert_allclose(pixels, expected, rtol=1e-5, atol=1e-5)


def test_statistics_of_channels_are_inside_the_network():
    backbone = from_keras_application("VGG16", 4, height=32, width=32)
    layer = backbone.get_layer("channel_statistics")
    assert backbone.pixel_contract == PixelContract(32, 32, "BGR", 0.0, 1.0)
    bgr = np.array([[[[100.0, 110.0, 120.0]]]], "float32")
    actual = ops.convert_to_numpy(layer(bgr)).reshape(-1)
    np.testing.assert_allclose(actual, [-3.939, -6.779, -3.68], atol=1e-4)
    first = backbone.layers[2]
    assert isinstance(first, keras.layers.Conv2D)  # what the statistics are fed to


def test_a_function_and_its_name_give_the_same_network():
    by_name = from_keras_application("MobileNetV2", 4, **TINY)
    by_function = from_keras_application(keras.applications.MobileNetV2, 4, **TINY)
    assert type(by_name) is KerasApplication
    config = by_function.get_config()
    assert config == by_name.get_config()
    assert (config["application"], config["options"]) == (
        "MobileNetV2",
        {"alpha": 0.35},
    )


@pytest.mark.slow
def test_options_reach_the_function():
    counts = [
        from_keras_application(
            "MobileNetV2", 4, height=32, width=32, options={"alpha": alpha}
        ).count_params()
        for alpha in (0.35, 0.5)
    ]
    assert counts[0] < counts[1]


@pytest.mark.slow
def test_poolings_differ_by_the_places_they_keep():
    kernels = [
        from_keras_application("MobileNetV2", 4, pooling=pooling, **TINY)
        .get_layer("embedding")
        .kernel.shape
        for pooling in ("average", "flatten")
    ]
    assert kernels == [(1280, 4), (1 * 2 * 1280, 4)]


@pytest.mark.slow
def test_dropout_is_there_when_it_is_asked_for():
    names = [
        layer.name for layer in from_keras_application("MobileNetV2", 4, **TINY).layers
    ]
    assert "dropout" not in names
    backbone = from_keras_application("MobileNetV2", 4, dropout=0.4, **TINY)
    assert backbone.layers[-2].name == "dropout"
    assert backbone.layers[-2].rate == 0.4


def test_weights_are_loaded_from_a_file_and_not_again_with_the_model(tmp_path):
    source = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 48, 3), alpha=0.35
    )
    path = tmp_path / "mobilenet.weights.h5"
    source.save_weights(path)
    backbone = from_keras_application("MobileNet", 4, weights=str(path), **TINY)
    kernel = ops.convert_to_numpy(source.get_layer("conv1").kernel)
    actual = ops.convert_to_numpy(backbone.get_layer("conv1").kernel)
    np.testing.assert_array_equal(actual, kernel)
    backbone.save(tmp_path / "backbone.keras")
    path.unlink()
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    actual = ops.convert_to_numpy(loaded.get_layer("conv1").kernel)
    np.testing.assert_array_equal(actual, kernel)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"application": "MobileNetV9"},
            "`application` must be the name .*'MobileNetV9'",
        ),
        ({"application": "resnet"}, "`application` must be the name of a network"),
        (
            {"application": len},
            "`application` must be a function of keras.applications",
        ),
        ({"application": 3}, "`application` must be a function of keras.applications"),
        ({"pooling": "max"}, r"`pooling` must be one of .* pooling='max'"),
        ({"options": {"alpha": 112}}, "`alpha` must be a factor .*at most 8.*112"),
        ({"options": {"alpha": 0}}, "`alpha` must be a factor"),
        ({"options": {"alpha": "1"}}, "`alpha` must be a factor"),
        (
            {"application": "MobileNet", "options": {"depth_multiplier": 96}},
            "`depth_multiplier` must be a factor .*at most 8",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        from_keras_application(**{"application": "MobileNetV2", **TINY, **arguments})
