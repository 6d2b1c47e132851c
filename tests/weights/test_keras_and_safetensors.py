"""Weights in safetensors and in Keras' own files, there and back."""

import json
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops
from safetensors.numpy import load_file, save_file

from tests.weights import ports, writers
from tf_sphereface.backbones import (
    InceptionResNetV1,
    IResNet,
    MobileFaceNet,
    SphereFaceCNN,
)
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry
from tf_sphereface.heads import ASoftmaxLayer
from tf_sphereface.weights import import_weights
from tf_sphereface.weights.exporter import export_weights
from tf_sphereface.weights.files.safetensors_file import read_safetensors
from tf_sphereface.weights.targets import port_name, targets_of


def with_random_weights(backbone):
    rng = np.random.default_rng(3)
    for variable in backbone.variables:
        if variable.dtype == "float32":
            variable.assign(rng.uniform(0.1, 1.0, variable.shape))
    return backbone


def small_sphereface(**arguments):
    return SphereFaceCNN(4, embedding_dim=5, width_multiplier=1 / 16, **arguments)


def assert_equal_weights(path, backbone):
    loaded = keras.models.load_model(path)
    assert type(loaded) is type(backbone)
    for new, old in zip(loaded.weights, backbone.weights, strict=True):
        assert new.name == old.name
        np.testing.assert_array_equal(
            ops.convert_to_numpy(new), ops.convert_to_numpy(old)
        )
    return loaded


@pytest.mark.quick_cases("sphereface20-<lambda>-sphere20-options0")
@pytest.mark.parametrize(
    ("name", "make", "network", "options"),
    [
        (
            "sphereface20",
            lambda: SphereFaceCNN(
                20, 8, 1 / 16, channel_order="BGR", residual_bias=True
            ),
            ports.sphere20,
            {},
        ),
        ("mobilefacenet", lambda: MobileFaceNet(8, 1 / 8), ports.mobilefacenet, {}),
        (
            "mobilefacenet",
            lambda: MobileFaceNet(
                8,
                1 / 8,
                tensorflow_padding=True,
                pixel_mean=(123.7, 116.3, 103.5),
                pixel_scale=(58.4, 57.1, 57.4),
            ),
            ports.mobilefacenet,
            {},
        ),
        (
            "iresnet18",
            lambda: IResNet(18, 8, 1 / 16),
            ports.iresnet18,
            {"image": (3, 112, 112)},
        ),
    ],
)
def test_export_has_the_ports_names_and_comes_back_exactly(
    tmp_path, name, make, network, options
):
    backbone = with_random_weights(make())
    backbone.save(tmp_path / "a.keras")
    shapes = export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    state = ports.make_state(network, **options)
    assert shapes == {key: values.shape for key, values in state.items()}
    import_weights(tmp_path / "a.safetensors", name, tmp_path / "b.keras")
    loaded = assert_equal_weights(tmp_path / "b.keras", backbone)
    assert loaded.pixel_contract == backbone.pixel_contract
    image = np.random.default_rng(0).normal(size=(1, *backbone.input_shape[1:]))
    np.testing.assert_array_equal(loaded(image), backbone(image))


@pytest.mark.slow
def test_inception_resnet_has_the_ports_names():
    backbone = InceptionResNetV1(8, 1 / 16)
    shapes = {
        port_name(backbone, target): target.to_torch(np.zeros(target.variable.shape))
        for target in targets_of(backbone)
    }
    # Of facenet-pytorch's inception_resnet_v1.py, channels divided by 16.
    for name, shape in {
        "conv2d_1a.conv.weight": (2, 3, 3, 3),
        "conv2d_4b.bn.running_var": (16,),
        "repeat_1.4.branch2.1.conv.weight": (2, 2, 3, 3),
        "repeat_1.0.branch0.bn.bias": (2,),
        "repeat_2.9.branch1.1.conv.weight": (8, 8, 1, 7),
        "repeat_3.0.branch1.2.conv.weight": (12, 12, 3, 1),
        "mixed_6a.branch0.conv.weight": (24, 16, 3, 3),
        "mixed_7a.branch2.2.conv.weight": (16, 16, 3, 3),
        "block8.conv2d.bias": (112,),
        "last_linear.weight": (8, 112),
        "last_bn.weight": (8,),
    }.items():
        assert shapes[name].shape == shape


@pytest.mark.slow
def test_inception_resnet_comes_back(tmp_path):
    backbone = with_random_weights(InceptionResNetV1(8, 1 / 16))
    backbone.save(tmp_path / "a.keras")
    export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    file = read_safetensors(tmp_path / "a.safetensors")
    state = {name: tensor.read() for name, tensor in file.tensors.items()}
    state["logits.weight"] = np.ones((3, 8), np.float32)
    (tmp_path / "b.pt").write_bytes(writers.torch_zip(state))
    import_weights(tmp_path / "b.pt", "inception_resnet_v1", tmp_path / "b.keras")
    assert_equal_weights(tmp_path / "b.keras", backbone)


def test_the_crops_of_a_network_come_back(tmp_path):
    crop = CropGeometry(112, 96, LANDMARK_TEMPLATE + 1, "photo")
    small_sphereface(crop=crop).save(tmp_path / "a.keras")
    file, size = tmp_path / "a.safetensors", {"depth": 4}
    export_weights(tmp_path / "a.keras", file)
    import_weights(file, "sphereface_cnn", tmp_path / "b.keras", arguments=size)
    assert keras.models.load_model(tmp_path / "b.keras").crop == crop
    import_weights(
        tmp_path / "a.keras", "sphereface_cnn", tmp_path / "c.keras", arguments=size
    )
    assert keras.models.load_model(tmp_path / "c.keras").crop == crop
    tensors = load_file(file)
    for damage in ("[]", "{", '{"fit": "x", "template": [[1, 2]]}'):
        save_file(tensors, file, {"height": "112", "width": "96", "crop": damage})
        with pytest.raises(InputError, match="damaged metadata"):
            import_weights(file, "sphereface_cnn", tmp_path / "d.keras", arguments=size)


def test_an_exported_file_gives_the_ports_embedding(tmp_path):
    image = np.random.default_rng(1).normal(size=(112, 96, 3)).astype(np.float32)
    backbone = SphereFaceCNN(20, 8, 1 / 16, channel_order="BGR", residual_bias=True)
    state = ports.make_state(ports.sphere20)
    for layer in backbone.layers:  # biases and slopes that are not all alike
        for weight in layer.weights:
            if len(weight.shape) != 4:
                key = f"{layer.name}.{'bias' if weight.name == 'bias' else 'weight'}"
                value = state[key].T if weight.name == "kernel" else state[key]
                weight.assign(np.reshape(value, weight.shape))
    backbone.save(tmp_path / "a.keras")
    export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    file = read_safetensors(tmp_path / "a.safetensors")
    exported = {name: tensor.read() for name, tensor in file.tensors.items()}
    expected = ports.run(ports.sphere20, exported, image)
    actual = ops.convert_to_numpy(backbone(image[None]))[0]
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_bfloat16_safetensors_are_read(tmp_path):
    values = np.array([[1.0, -2.5], [0.15625, 3e38]], np.float32)
    half = writers.as_stored(values, "bfloat16").tobytes()
    entry = {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}
    head = json.dumps({"a.weight": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + half)
    tensor = read_safetensors(path).tensors["a.weight"]
    assert (tensor.dtype, tensor.shape) == ("bfloat16", (2, 2))
    np.testing.assert_allclose(tensor.read(), values, rtol=2.0**-8)


def test_the_first_source_stays_known(tmp_path):
    backbone = small_sphereface(provenance={"source": "x.pth", "licence": "free"})
    backbone.save(tmp_path / "a.keras")
    export_weights(tmp_path / "a.keras", tmp_path / "a.safetensors")
    out = tmp_path / "b.keras"
    import_weights(tmp_path / "a.safetensors", "sphereface4", out)
    provenance = keras.models.load_model(out).provenance
    assert provenance["source"] == "a.safetensors"
    origin = json.loads(provenance["origin"])
    assert origin == {"source": "x.pth", "licence": "free"}


@pytest.mark.parametrize("form", ["x.keras", "x.h5", "x.weights.h5", "head.keras"])
def test_keras_files_of_the_same_network(tmp_path, form):
    backbone = with_random_weights(small_sphereface(channel_order="BGR"))
    source = tmp_path / form
    arguments = {}
    if form == "x.weights.h5":
        backbone.save_weights(source)
        arguments = {"width_multiplier": 1 / 16, "embedding_dim": 5}
    elif form == "head.keras":
        classifier = FaceClassifier(backbone, ASoftmaxLayer(3))
        classifier(np.zeros((1, 112, 96, 3), np.float32))
        classifier.save(source)
    elif form == "x.h5":
        # A plain functional model, as another program saves it.
        plain = keras.Model(backbone.inputs, backbone.outputs)
        plain.save(source)
    else:
        backbone.save(source)
    out = tmp_path / "out.keras"
    import_weights(source, "sphereface4", out, arguments=arguments)
    loaded = assert_equal_weights(out, backbone)
    assert loaded.pixel_contract.channel_order == "BGR"


def test_weights_of_another_network_are_refused(tmp_path):
    small_sphereface().save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(InputError, match="does not fit the network sphereface4"):
        import_weights(
            tmp_path / "x.weights.h5",
            "sphereface4",
            tmp_path / "out.keras",
            arguments={"width_multiplier": 1 / 32, "embedding_dim": 5},
        )
    assert not (tmp_path / "out.keras").exists()


@pytest.mark.slow
def test_weights_that_lack_a_layer_are_refused(tmp_path):
    path = tmp_path / "x.weights.h5"
    backbone = SphereFaceCNN(
        4, embedding_dim=5, width_multiplier=1 / 16, batch_norm=True
    )
    backbone.save_weights(path)
    arguments = {"width_multiplier": 1 / 16, "embedding_dim": 5}
    with pytest.raises(InputError, match="does not fit the network sphereface4"):
        import_weights(path, "sphereface4", tmp_path / "out.keras", arguments=arguments)


def test_code_in_a_keras_model_is_refused(tmp_path):
    inputs = keras.Input((112, 96, 3))
    evil = layers.Lambda(lambda x: x, output_shape=(112, 96, 3))(inputs)
    outputs = layers.Dense(2, name="fc5")(layers.Flatten()(evil))
    keras.Model(inputs, outputs).save(tmp_path / "x.keras")
    with pytest.raises(InputError, match="not a usable Keras model"):
        import_weights(tmp_path / "x.keras", "sphereface4", tmp_path / "out.keras")
    assert not (tmp_path / "out.keras").exists()


def test_layers_that_no_backbone_has_are_refused(tmp_path):
    inputs = keras.Input((112, 96, 3))
    hidden = layers.LayerNormalization(name="norm")(layers.Flatten()(inputs))
    keras.Model(inputs, layers.Dense(2)(hidden)).save(tmp_path / "x.keras")
    with pytest.raises(InputError, match="layer norm of LayerNormalization"):
        import_weights(tmp_path / "x.keras", "sphereface4", tmp_path / "out.keras")


def test_hdf5_that_declares_more_than_it_has_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 10,))
    with h5py.File(tmp_path / "y.weights.h5", "w") as file:
        secret = tmp_path / "secret"
        secret.write_bytes(b"1234" * 4)
        file.create_dataset("a", (4,), "f4", external=[(str(secret), 0, 16)])
    for name, message in {
        "x.weights.h5": "smaller than the numbers",
        "y.weights.h5": "must hold its numbers itself",
    }.items():
        with pytest.raises(InputError, match=message):
            import_weights(tmp_path / name, "sphereface4", tmp_path / "out.keras")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("form", ["x.keras", "x.weights.h5"])
def test_truncated_keras_files_are_refused(tmp_path, share, form):
    source = tmp_path / form
    backbone = small_sphereface()
    backbone.save(source) if form == "x.keras" else backbone.save_weights(source)
    whole = source.read_bytes()
    source.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="x.keras|x.weights.h5"):
        import_weights(source, "sphereface4", tmp_path / "out.keras")


def test_a_keras_archive_that_unpacks_to_much_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", b"\0" * (20 << 20))
    with pytest.raises(InputError, match="model.weights.h5 is too large"):
        import_weights(tmp_path / "x.keras", "sphereface4", tmp_path / "out.keras")
