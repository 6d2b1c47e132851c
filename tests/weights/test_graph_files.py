"""Networks in ONNX and TFLite files give the embeddings of their own runtimes.

The oracles are NumPy's forward passes in `ports`, and onnxruntime and LiteRT.
"""

import contextlib
import dataclasses
import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file

from tests.exported_bundles import tiny_backbone
from tests.weights import ports
from tf_sphereface.backbones import build_backbone
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.errors import InputError
from tf_sphereface.files import scratch_folder
from tf_sphereface.foreign.sandbox import ReaderError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.weights import import_weights
from tf_sphereface.weights.files.tensors import FOLDED
from tf_sphereface.weights.graphs import importing, reading
from tf_sphereface.weights.graphs.backbone_graph import graph_of
from tf_sphereface.weights.graphs.builder import GraphBuilder
from tf_sphereface.weights.graphs.matching import PartedError, match
from tf_sphereface.weights.graphs.values import LAST

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.weights import onnx_networks  # noqa: E402 - it needs onnx
from tests.weights.onnx_networks import OnnxNetwork  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # those of exporters
TALL, SQUARE = ("batch", 3, 112, 96), (1, 3, 112, 112)
SMALL = {"embedding_dim": 16, "width_multiplier": 1 / 8}


@contextlib.contextmanager
def read_here(reader, path, limits, content=None):
    """Stands for `read_apart`, which takes seconds to start a process."""
    module, _, function = reader.partition(":")
    try:
        arrays, texts = getattr(importlib.import_module(module), function)(path)
    except InputError as error:
        raise ReaderError(path, str(error), str(error)) from error
    save_file(arrays, path.with_suffix(".read"), texts)
    yield path.with_suffix(".read")


@pytest.fixture(autouse=True)
def in_this_process(request, monkeypatch):
    if "own_process" not in request.fixturenames:
        monkeypatch.setattr(reading, "read_apart", read_here)


@pytest.fixture
def own_process():
    """Asks for the true process with limits."""


@pytest.fixture
def take(tmp_path):
    """Imports the content of a file; gives the model and the report."""

    def import_content(content, backbone, ending="onnx", **arguments):
        source, out = tmp_path / f"x.{ending}", tmp_path / "model.keras"
        source.write_bytes(content)
        out.unlink(missing_ok=True)
        report = import_weights(source, backbone, out, arguments=arguments)
        return keras.models.load_model(out), report

    return import_content


def set_random_weights(model, seed=0):
    """Weights and statistics none of which is what a network begins with."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.rpartition("/")[2]
        values = rng.normal(0, 0.2, shape)
        if name in ("gamma", "moving_variance"):
            values = rng.uniform(0.5, 1.5, shape)
        elif name == "kernel":
            fan_in = shape[0] * shape[1] if shape[-1] == 1 else np.prod(shape[:-1])
            values = rng.normal(0, fan_in**-0.5, shape)
        variable.assign(values)
    return model


def images_for(model, seed=5):
    shape = (2, *model.input_shape[1:])
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_same(model, expected, images, tolerance=1e-4):
    actual = keras.ops.convert_to_numpy(model(images, training=False))
    assert np.abs(expected).max() > 0.1  # there is something to be compared
    lengths = np.linalg.norm(expected, axis=1)
    assert (np.linalg.norm(actual - expected, axis=1) <= tolerance * lengths).all()


@pytest.fixture(scope="module")
def sphere20():
    state = ports.make_state(ports.sphere20)
    image = np.random.default_rng(5).normal(size=(112, 96, 3)).astype(np.float32)
    return state, image, ports.run(ports.sphere20, state, image)


@pytest.mark.quick_cases("operator")
@pytest.mark.parametrize("prelu", onnx_networks.PRELUS)
def test_pytorchs_onnx_of_sphereface_in_every_form_of_prelu(take, sphere20, prelu):
    state, image, expected = sphere20
    net = OnnxNetwork(state, TALL, prelu)
    model, report = take(net.content(onnx_networks.sphere20(net)), "sphereface20")
    assert report.kind == "onnx"
    assert model.get_config()["residual_bias"] and not model.get_config()["batch_norm"]
    assert_same(model, expected[None], image[None])  # FC1 is permuted, or it fails


@pytest.fixture(scope="module")
def iresnet():
    shape = {"image": (3, 112, 112)}
    state = ports.make_state(ports.iresnet18, **shape)
    image = np.random.default_rng(6).normal(size=(112, 112, 3)).astype(np.float32)
    return state, image, ports.run(ports.iresnet18, state, image)


@pytest.mark.parametrize("folded", [True, False])
def test_insightfaces_onnx_with_batch_norm_folded_and_kept(take, iresnet, folded):
    state, image, expected = iresnet
    net = OnnxNetwork(state, SQUARE, folded=folded)
    model, report = take(net.content(onnx_networks.iresnet18(net)), "iresnet18")
    assert_same(model, expected[None], image[None])
    norm = model.get_layer("layer2_0_bn1")  # in front of a padded convolution: kept
    np.testing.assert_array_equal(norm.gamma, state["layer2.0.bn1.weight"])
    statistics = {"bn1": "running_mean", "features": "running_mean"}
    kept = [
        np.allclose(model.get_layer(name).moving_mean, state[f"{name}.{part}"])
        for name, part in statistics.items()
    ]
    assert kept == [not folded, True]  # exporters leave the one behind Gemm
    assert (FOLDED in report.notes) == folded


def test_batch_norm_behind_a_bias_and_of_another_epsilon(take, iresnet):
    state, image, expected = iresnet
    state, bias = dict(state), np.linspace(-1, 1, 4, dtype=np.float32)
    state["conv1.bias"] = bias
    state["bn1.running_mean"] = state["bn1.running_mean"] + bias
    for name in state:
        if name.endswith("running_var"):
            state[name] = (state[name] + 1e-5 - 0.2).astype(np.float32)
    net = OnnxNetwork(state, SQUARE, epsilon=0.2)
    model, _ = take(net.content(onnx_networks.iresnet18(net)), "iresnet18")
    assert_same(model, expected[None], image[None])


FORMS = {
    "sphereface10": {"batch_norm": True},
    "mobilefacenet": {},
    "iresnet18": {},
    "inception_resnet_v1": {"height": 107, "width": 107},
}
QUICK = [("sphereface10", "onnx")]
SLOW = [
    pytest.param(name, ending, marks=pytest.mark.slow)
    for name in (*FORMS, "sphereface36", "sphereface64", "iresnet50", "iresnet100")
    for ending in ("tflite", "onnx")
    if (name, ending) not in QUICK
]


@pytest.mark.parametrize(("name", "ending"), [*QUICK, *SLOW])
def test_what_the_exporters_write_comes_back(take, name, ending):
    if ending == "onnx":
        pytest.importorskip("tf2onnx")
    backbone = build_backbone(name, **SMALL, **FORMS.get(name, {}))
    set_random_weights(backbone)
    model, report = take(_exported(backbone, ending), name, ending)
    images = images_for(backbone)
    expected = keras.ops.convert_to_numpy(backbone(images, training=False))
    assert_same(model, expected, images)
    assert len(report.rows) == len(model.weights)
    if "batch_norm" in FORMS.get(name, {}):  # which a file that is folded cannot tell
        assert not model.get_config()["batch_norm"]
        model, _ = take(_exported(backbone, ending), name, ending, batch_norm=True)
        assert_same(model, expected, images)


def _exported(backbone, ending, inside=()):
    from tf_sphereface.deployment.servers.onnx import to_onnx

    feature = FeatureRecord(mirror="none", inside=inside)
    if ending == "onnx":
        return to_onnx(backbone, backbone.pixel_contract, feature)
    return FloatModel(backbone, backbone.pixel_contract, feature).content


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_pixels_and_unit_length_inside_are_taken_out(take, ending):
    pytest.importorskip("tf2onnx")
    contract = {"pixel_mean": 110.0, "pixel_scale": 60.0, "channel_order": "RGB"}
    backbone = set_random_weights(tiny_backbone(**contract))
    content = _exported(backbone, ending, ("pixels", "l2"))
    model, report = take(content, "sphereface4", ending, channel_order="RGB")
    assert model.pixel_contract == backbone.pixel_contract
    assert any("L2 normalisation" in note for note in report.notes)
    images = images_for(backbone)
    assert_same(model, keras.ops.convert_to_numpy(backbone(images)), images)
    with pytest.raises(
        InputError, match=r"normalises pixels itself, by pixel_mean 110"
    ):
        take(content, "sphereface4", ending, pixel_mean=127.5)


def _tflite_of(network, batch=1, **settings):
    """A file of TensorFlow's converter, with what it can be told."""
    model = FloatModel(network, PixelContract(), batch=batch)
    with scratch_folder() as folder:
        model._write_saved_model(str(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        for name, value in settings.items():
            setattr(converter, name, value)
        return converter.convert()


@pytest.mark.slow
def test_the_form_of_the_phone_demos(take):
    """TensorFlow's padding, linear convolutions in pairs, a batch of two."""
    backbone = build_backbone("mobilefacenet", **SMALL, tensorflow_padding=True)
    set_random_weights(backbone)
    last = backbone.get_layer("linear7_bn").output
    more = layers.Conv2D(64, 1, bias_initializer="normal")(last)
    more = layers.BatchNormalization(beta_initializer="normal")(more)
    for name in ("linear1_conv", "linear1_bn", "flatten"):
        more = backbone.get_layer(name)(more)
    network = keras.Model(backbone.input, more)
    model, report = take(_tflite_of(network, 2), "mobilefacenet", "tflite")
    assert model.get_config()["tensorflow_padding"]
    assert "two linear convolutions in one" in {row.note for row in report.rows}
    images = images_for(backbone)
    assert_same(model, keras.ops.convert_to_numpy(network(images)), images)


@pytest.mark.slow
def test_the_two_paddings_differ():
    """So that one in the place of the other would be seen."""
    graphs = [
        graph_of(build_backbone("mobilefacenet", **SMALL, tensorflow_padding=padding))
        for padding in (False, True)
    ]
    with pytest.raises(PartedError, match=r"of start \(0, 0\) and \(1, 1\)"):
        match(*graphs)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [None, 3])
def test_half_precision_weights_and_any_batch(take, batch):
    backbone = set_random_weights(tiny_backbone())
    content = _tflite_of(
        backbone,
        batch,
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec=tf.lite.TargetSpec(supported_types=[tf.float16]),
    )
    model, _ = take(content, "sphereface4", "tflite")
    kernel = keras.ops.convert_to_numpy(backbone.get_layer("fc5").kernel)
    np.testing.assert_array_equal(
        model.get_layer("fc5").kernel, kernel.astype(np.float16)
    )


def test_a_file_is_read_in_a_process_with_limits(take, sphere20, own_process):
    state, image, expected = sphere20
    net = OnnxNetwork(state, TALL)
    content = net.content(onnx_networks.sphere20(net))
    assert_same(take(content, "sphereface20")[0], expected[None], image[None])


def test_another_embedding_is_refused(take, sphere20, monkeypatch, tmp_path):
    """Whatever the graphs say, the numbers decide."""
    net = OnnxNetwork(sphere20[0], TALL)
    content = net.content(onnx_networks.sphere20(net))

    def match_badly(*graphs):
        found = match(*graphs)
        place = [each.weight for each in found].index("alpha")
        slopes = found[place].values * 1.01
        return [
            *found[:place],
            dataclasses.replace(found[place], values=slopes),
            *found[place + 1 :],
        ]

    monkeypatch.setattr(importing, "match", match_badly)
    with pytest.raises(InputError, match=r"differ from the file's own by \d"):
        take(content, "sphereface20")
    assert not list(tmp_path.glob("*.keras"))


@pytest.mark.slow
def test_another_backbone_is_named_with_where_the_two_part(take, iresnet):
    net = OnnxNetwork(iresnet[0], SQUARE)
    content = net.content(onnx_networks.iresnet18(net))
    with pytest.raises(InputError) as caught:
        take(content, "iresnet34")
    message = str(caught.value)
    assert "where the backbone has the" in message and " of 7 x 7 x 32" in message
    assert message.endswith("It fits --backbone iresnet18")
    with pytest.raises(InputError, match=r"fits --backbone iresnet18"):
        take(content, "mobilefacenet")


def test_a_wider_network_is_not_made_to_tell_that_it_does_not_fit(take, monkeypatch):
    net = OnnxNetwork({"c.weight": np.ones((8, 3, 3, 3), np.float32)}, SQUARE)
    wide = net.add("Conv", net.conv("image", "c"), np.ones((4096, 8, 1, 1), "float32"))
    flat = net.add("Flatten", net.add("GlobalAveragePool", wide))
    content = net.content(net.add("Gemm", flat, np.ones((4096, 1), np.float32)))
    monkeypatch.setattr("tf_sphereface.backbones.build_backbone", None)
    with pytest.raises(InputError, match=r"would have 512 channels there, as its last"):
        take(content, "iresnet100")


def test_the_extra_is_asked_for(take, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'tf-sphereface\[onnx\]'"):
        take(b"", "iresnet100")


def test_a_maximum_with_a_padded_map_is_none_that_is_known():
    build = GraphBuilder()
    taken = build.input((4, 4, 3), LAST)
    padded = taken.padded([(1, 1), (1, 1), (0, 0)], "pad")
    for one, other in ((taken, padded), (padded, taken)):
        with pytest.raises(InputError, match="a maximum of two maps: larger"):
            build.larger(one, other, "larger")
