"""Contract of every backbone: tests for tf_sphereface.backbones.backbone."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from tf_sphereface import ASoftmaxLayer, FaceClassifier
from tf_sphereface.backbones import BACKBONES, build_backbone
from tf_sphereface.network_names import present_arguments
from tf_sphereface.preprocessing import PixelContract

# Small networks, some at sizes that are not their own. On CPUs with AVX-512, oneDNN's
# gradient of strided convolutions of 4 or 8 channels ends the process of TensorFlow
# 2.21: IResNet, which has them in its shortcuts, has 16 and more.
SMALL = {
    "inception_face": {"width_multiplier": 1 / 16, "height": 64, "width": 48},
    "inception_resnet_v1": {"width_multiplier": 1 / 16, "height": 112, "width": 96},
    "iresnet": {"depth": 18, "width_multiplier": 1 / 4, "height": 64, "width": 48},
    "keras_application": {
        "application": "MobileNetV3Small",
        "options": {"alpha": 0.35, "minimalistic": True},
        "height": 64,
        "width": 48,
    },
    "mobilefacenet": {"width_multiplier": 1 / 8},
    "sphereface_cnn": {"depth": 4, "width_multiplier": 1 / 16, "batch_norm": True},
    "zfnet_face": {"width_multiplier": 1 / 32, "height": 64, "width": 48},
}
EMBEDDING_DIM = 24


def build(backbone, **arguments):
    return build_backbone(
        backbone, **{"embedding_dim": EMBEDDING_DIM, **SMALL[backbone], **arguments}
    )


@functools.cache
def built(backbone):
    """One network of each kind, for tests that leave its kernels as they were."""
    keras.utils.set_random_seed(0)
    return build(backbone)


def names(*quick):
    """All backbones, those that are not `quick` in the slow tests only."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(BACKBONES)
    ]


# Their hundreds of layers take long to build.
ALL_BUT_THE_LARGEST = set(BACKBONES) - {"inception_resnet_v1", "inception_face"}


@pytest.fixture(params=sorted(BACKBONES))
def name(request):
    return request.param


def images_for(backbone, count=2):
    contract = backbone.pixel_contract
    rng = np.random.default_rng(0)
    size = (count, contract.height, contract.width, 3)
    return contract.normalize(rng.integers(0, 256, size).astype("float32"))


def embed(backbone, images, **arguments):
    return ops.convert_to_numpy(ops.cast(backbone(images, **arguments), "float32"))


def test_every_backbone_is_tested():
    assert set(SMALL) == set(BACKBONES)


@pytest.mark.parametrize("name", names(*ALL_BUT_THE_LARGEST))
def test_no_two_kernels_begin_with_the_same_numbers(name):
    kernels = [
        ops.convert_to_numpy(weight).tobytes()
        for weight in built(name).weights
        if weight.name == "kernel"
    ]
    assert len(set(kernels)) == len(kernels)


@pytest.mark.parametrize("name", names(*ALL_BUT_THE_LARGEST))
def test_size_of_input_and_output_are_the_contracts(name):
    backbone = built(name)
    size = SMALL[name].get("height", 112), SMALL[name].get("width", 96)
    contract = backbone.pixel_contract
    assert (contract.height, contract.width) == size
    assert backbone.input_shape == (None, *size, 3)
    assert backbone.output_shape == (None, EMBEDDING_DIM)


@pytest.mark.parametrize("name", names(*ALL_BUT_THE_LARGEST))
def test_embeddings_take_both_signs_and_nothing_rectifies_them(name):
    backbone = built(name)
    # In training mode: batch norm then centres what a fresh network gives.
    images = images_for(backbone, count=8)
    embeddings = embed(backbone, images, training=True)
    share = np.mean(embeddings > 0)
    assert 0.1 < share < 0.9
    weighted = [layer for layer in backbone.layers if layer.weights]
    after = backbone.layers[backbone.layers.index(weighted[-1]) :]
    for layer in after:
        activation = getattr(layer, "activation", keras.activations.linear)
        assert activation is keras.activations.linear
        assert not isinstance(layer, keras.layers.ReLU | keras.layers.PReLU)


@pytest.mark.parametrize("name", names("iresnet", "sphereface_cnn"))
def test_save_and_load_keep_arguments_and_output(name, tmp_path):
    backbone = build(name, channel_order="BGR", pixel_scale=100.0)
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.models.load_model(tmp_path / "backbone.keras")
    assert type(loaded) is BACKBONES[name]
    assert loaded.get_config() == backbone.get_config()
    contract = loaded.pixel_contract
    assert (contract.channel_order, contract.scale) == ("BGR", 100.0)
    images = images_for(backbone)
    np.testing.assert_array_equal(embed(loaded, images), embed(backbone, images))


@pytest.mark.quick_cases("iresnet", "mobilefacenet", "sphereface_cnn", "zfnet_face")
@pytest.mark.parametrize("name", names(*ALL_BUT_THE_LARGEST))
def test_config_names_every_argument(name):
    arguments = {
        "channel_order": "BGR",
        "pixel_mean": 3.0,
        "pixel_scale": 7.0,
        "name": "mine",
        "trainable": False,
    }
    backbone = BACKBONES[name].from_config(build(name, **arguments).get_config())
    config = backbone.get_config()
    expected = {**SMALL[name], **arguments, "embedding_dim": EMBEDDING_DIM}
    assert {key: config[key] for key in expected} == expected
    size = backbone.input_shape[1:3]
    assert backbone.pixel_contract == PixelContract(*size, "BGR", 3.0, 7.0)
    assert not backbone.trainable_weights


# All policies for one network; another dtype for weights than for arithmetic for all.
POLICIES = [
    pytest.param(
        *(name, "mixed_bfloat16", "bfloat16", "float32"),
        marks=pytest.mark.slow if "inception" in name else (),
    )
    for name in sorted(SMALL)
]
POLICIES += [
    ("sphereface_cnn", "mixed_float16", "float16", "float32"),
    ("sphereface_cnn", "bfloat16", "bfloat16", "bfloat16"),
]


@pytest.mark.quick_cases(
    "iresnet-mixed_bfloat16-bfloat16-float32",
    "sphereface_cnn-mixed_bfloat16-bfloat16-float32",
    "sphereface_cnn-mixed_float16-float16-float32",
    "sphereface_cnn-bfloat16-bfloat16-bfloat16",
)
@pytest.mark.parametrize(("name", "policy", "compute", "variable"), POLICIES)
def test_a_policy_reaches_every_layer(name, policy, compute, variable):
    global_policy = keras.config.dtype_policy().name
    backbone = build(name, dtype=policy)
    assert keras.config.dtype_policy().name == global_policy
    made = [la for la in backbone.layers if not isinstance(la, keras.layers.InputLayer)]
    assert {layer.compute_dtype for layer in made} == {compute}
    dtypes = {w.dtype for w in backbone.weights if "count" not in w.name}
    assert dtypes == {variable}
    rebuilt = BACKBONES[name].from_config(backbone.get_config())
    assert rebuilt.dtype_policy.name == policy
    assert rebuilt.layers[-1].compute_dtype == compute


@pytest.mark.parametrize("name", names("iresnet", "sphereface_cnn"))
def test_mixed_precision_gives_nearly_the_same_embeddings(name):
    backbone = built(name)
    mixed = build(name, dtype="mixed_bfloat16")
    mixed.set_weights(backbone.get_weights())
    images = images_for(backbone)
    one, two = embed(backbone, images), embed(mixed, images)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    assert ((one * two).sum(axis=1) / norms > 0.99).all()


@pytest.mark.quick_cases("iresnet", "mobilefacenet", "sphereface_cnn", "zfnet_face")
def test_a_classifier_trains_and_moves_every_weight(name):
    backbone = built(name)
    weights = backbone.get_weights()
    keras.utils.set_random_seed(0)
    classifier = FaceClassifier(backbone, ASoftmaxLayer(4, margin=2))
    # Eagerly, since compiling takes longer than the one step; a large one, in which the
    # smallest gradients show in float32.
    classifier.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    before = [ops.convert_to_numpy(weight) for weight in backbone.trainable_weights]
    images, labels = images_for(backbone, count=8), np.arange(8) % 4
    history = classifier.fit(images, labels, batch_size=8, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = [ops.convert_to_numpy(weight) for weight in backbone.trainable_weights]
    backbone.set_weights(weights)
    still = [
        weight.path
        for weight, old, new in zip(
            backbone.trainable_weights, before, after, strict=True
        )
        if (old == new).all()
    ]
    assert not still


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding_dim": 0}, "`embedding_dim` must be >= 1"),
        ({"channel_order": "GBR"}, "`channel_order` must be"),
        ({"pixel_scale": 0}, "`scale` must be positive"),
        ({"width": 0}, "`height` and `width` must be at least"),
    ],
)
def test_bad_arguments_are_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(name, **arguments)


@pytest.mark.parametrize("width_multiplier", [0, 8.1, 112, float("inf"), float("nan")])
def test_a_width_that_gives_no_network_is_named(name, width_multiplier):
    if name == "keras_application":
        pytest.skip("the networks of Keras have options of their own")
    with pytest.raises(ValueError, match="`width_multiplier` must be positive"):
        build(name, width_multiplier=width_multiplier)


def test_a_config_with_the_old_names_gives_the_same_network():
    old = {
        "depth": 4,
        "embedding_dim": 8,
        "width": 0.0625,
        "batch_norm": True,
        "residual_bias": False,
        "height": 64,
        "columns": 48,
        "channel_order": "BGR",
        "pixel_mean": 127.5,
        "pixel_scale": 128.0,
        "provenance": {},
        "frozen_stages": 1,
        "name": "old",
        "trainable": True,
        "dtype": "float32",
    }
    backbone = BACKBONES["sphereface_cnn"].from_config(old)
    assert backbone.input_shape == (None, 64, 48, 3)
    assert backbone.get_layer("conv1_1").filters == 4
    config = backbone.get_config()
    assert (config["width_multiplier"], config["width"]) == (0.0625, 48)
    assert "columns" not in config
    copy = BACKBONES["sphereface_cnn"].from_config(config)
    assert copy.input_shape == backbone.input_shape
    assert copy.count_params() == backbone.count_params()


@pytest.mark.parametrize(
    ("old", "present"),
    [
        ({"width": 0.5, "columns": 96}, {"width_multiplier": 0.5, "width": 96}),
        ({"width": 2}, {"width_multiplier": 2}),
        ({"columns": 96}, {"width": 96}),
        ({"width": 9}, {"width": 9}),
        ({"width": 96, "width_multiplier": 0.5},) * 2,
        ({"width": "0.5"},) * 2,
    ],
)
def test_old_names_are_told_from_present_ones(old, present):
    assert present_arguments(old) == present
    assert present_arguments(present) == present


def test_an_unknown_backbone_is_named():
    with pytest.raises(ValueError, match="`name` must be one of .* name='resnet'"):
        build_backbone("resnet")


def test_a_name_may_say_the_depth():
    backbone = build_backbone("sphereface10", width_multiplier=1 / 64, embedding_dim=2)
    assert type(backbone) is BACKBONES["sphereface_cnn"]
    assert backbone.get_config()["depth"] == 10
    with pytest.raises(ValueError, match="`depth` must be 10 .* depth=20"):
        build_backbone("sphereface10", depth=20)


@pytest.mark.quick_cases("zfnet_face")
@pytest.mark.parametrize("name", ["keras_application", "mobilefacenet", "zfnet_face"])
def test_a_users_order_of_axes_changes_no_network(name):
    expected = built(name)
    keras.config.set_image_data_format("channels_first")
    try:
        network = build(name)
    finally:
        keras.config.set_image_data_format("channels_last")
    network.set_weights(expected.get_weights())
    images = images_for(expected)
    np.testing.assert_allclose(embed(network, images), embed(expected, images))
