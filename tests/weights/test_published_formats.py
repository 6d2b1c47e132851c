"""Weights in Caffe's and PyTorch's files give the embeddings of those networks."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.weights import ports, writers
from tf_sphereface.embedding_models import load_backbone, pixel_contract_of
from tf_sphereface.weights import import_weights

IMAGE = np.random.default_rng(5).normal(size=(112, 96, 3)).astype(np.float32)
# Of the published classifier, which is no part of the embedding network.
CLASSIFIER = {"fc6.weight": np.ones((8, 11), np.float32)}


@pytest.fixture(scope="module")
def sphere20():
    state = ports.make_state(ports.sphere20)
    return state, ports.run(ports.sphere20, state, IMAGE)


def imported(tmp_path, name, content, backbone="sphereface20", **options):
    source = tmp_path / name
    source.write_bytes(content)
    out = tmp_path / "model.keras"
    report = import_weights(source, backbone, out, **options)
    return keras.models.load_model(out), report


def assert_same(model, expected, image=IMAGE, tolerance=1e-4):
    actual = ops.convert_to_numpy(model(image[None]))[0]
    assert np.abs(expected).max() > 0.1  # there is something to be compared
    np.testing.assert_allclose(
        actual, expected, atol=tolerance * np.abs(expected).max()
    )


def nested(key):
    return lambda tensors: {"epoch": 3, "loss": 0.5, key: tensors}


def with_prefix(state):
    return {f"module.{name}": values for name, values in state.items()}


@pytest.mark.quick_cases("zip", "2017-python2", "net_state_dict", "caffe")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.pth", writers.torch_zip),
        ("x.pt", writers.torch_old),
        ("x.pth", lambda state: writers.torch_old(state, old=True)),
        ("x.pth", lambda state: writers.torch_old(state, old=True, python_2=True)),
        ("x.pth", lambda state: writers.torch_zip(with_prefix(state))),
        ("x.ckpt", lambda s: writers.torch_zip(s, wrap=nested("state_dict"))),
        ("x.ckpt", lambda s: writers.torch_old(s, wrap=nested("net_state_dict"))),
        ("x.pth", lambda state: writers.torch_zip(state, dtype="float64")),
        ("x.caffemodel", writers.caffe_bytes),
        ("x.caffemodel", lambda state: writers.caffe_bytes(state, old=True)),
        ("x.caffemodel", lambda state: writers.caffe_bytes(state, double=True)),
    ],
    ids=[
        "zip",
        "old",
        "2017",
        "2017-python2",
        "module",
        "state_dict",
        "net_state_dict",
        "float64",
        "caffe",
        "caffe-old-shapes",
        "caffe-double",
    ],
)
def test_sphereface_20_gives_the_ports_embedding(tmp_path, sphere20, name, write):
    state, expected = sphere20
    model, report = imported(tmp_path, name, write({**state, **CLASSIFIER}))
    assert_same(model, expected)
    assert model.pixel_contract.channel_order == "BGR"
    assert report.arguments["residual_bias"] is True
    left_out = {row.source: row.note for row in report.rows if row.target is None}
    assert left_out == {"fc6.weight": "the classifier of the training"}
    assert len(report.rows) == len(state) + 1


@pytest.mark.quick_cases("torch_zip-bfloat16-8")
@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
@pytest.mark.parametrize("write", [writers.torch_zip, writers.torch_old])
def test_half_precision_is_widened_and_said(tmp_path, sphere20, dtype, bits, write):
    state, _ = sphere20
    model, report = imported(tmp_path, "x.pth", write(state, dtype=dtype))
    kernel = np.asarray(ops.convert_to_numpy(model.get_layer("conv2_2").kernel))
    original = state["conv2_2.weight"].transpose(2, 3, 1, 0)
    # float16's smallest normal number is 6e-5
    np.testing.assert_allclose(kernel, original, rtol=2.0 ** (1 - bits), atol=1e-6)
    assert not np.array_equal(kernel, original)
    assert all(f"widened from {dtype}" in row.note for row in report.rows)


def test_the_releases_zero_biases_are_dropped(tmp_path):
    state = ports.make_state(ports.sphere20)
    for name, values in state.items():
        if name.startswith("conv") and name.endswith(".bias") and "_1." not in name:
            values[:] = 0
    expected = ports.run(ports.sphere20, state, IMAGE)
    model, report = imported(tmp_path, "x.caffemodel", writers.caffe_bytes(state))
    assert_same(model, expected)
    assert model.get_layer("conv2_2").bias is None
    dropped = [row for row in report.rows if row.target is None]
    assert len(dropped) == 16
    assert {row.note for row in dropped} == {"all 0, and our layer has no bias"}


def test_tensors_are_taken_by_name_whatever_their_order(tmp_path, sphere20):
    state, expected = sphere20
    turned = dict(reversed(state.items()))
    model, _ = imported(tmp_path, "x.pth", writers.torch_zip(turned))
    assert_same(model, expected)


@pytest.mark.parametrize(
    "write",
    [writers.torch_zip, pytest.param(writers.torch_old, marks=pytest.mark.slow)],
)
def test_mobilefacenet_gives_the_ports_embedding(tmp_path, write):
    state = ports.make_state(ports.mobilefacenet)
    expected = ports.run(ports.mobilefacenet, state, IMAGE)
    counters = {
        name.replace("running_var", "num_batches_tracked"): np.array(7, np.int64)
        for name in state
        if name.endswith("running_var")
    }
    content = write({**state, **counters}, wrap=nested("net_state_dict"))
    model, report = imported(tmp_path, "x.ckpt", content, "mobilefacenet")
    assert_same(model, expected)
    assert model.pixel_contract.channel_order == "RGB"
    assert sum(row.target is None for row in report.rows) == len(counters) > 40


@pytest.mark.parametrize("columns", [112, pytest.param(96, marks=pytest.mark.slow)])
def test_iresnet_gives_the_ports_embedding(tmp_path, columns):
    image = np.random.default_rng(6).normal(size=(112, columns, 3)).astype("float32")
    state = ports.make_state(ports.iresnet18, image=(3, 112, columns))
    expected = ports.run(ports.iresnet18, state, image)
    content = writers.torch_zip(state)
    model, _ = imported(tmp_path, "x.pth", content, "iresnet18")
    assert_same(model, expected, image)


@pytest.mark.slow
def test_a_square_mobilefacenet_is_told_by_its_last_kernel(tmp_path):
    state = ports.make_state(ports.mobilefacenet, image=(3, 112, 112))
    model, _ = imported(tmp_path, "x.pth", writers.torch_zip(state), "mobilefacenet")
    assert model.input_shape == (None, 112, 112, 3)


@pytest.mark.slow
def test_the_channel_order_and_the_source_travel_with_the_model(tmp_path, sphere20):
    state, _ = sphere20
    licence = tmp_path / "LICENCE"
    licence.write_text("Do as you like.\n")
    content = writers.torch_zip(state)
    _, report = imported(tmp_path, "x.pth", content, licence=licence)
    stripped = load_backbone(tmp_path / "model.keras")  # what is exported
    assert pixel_contract_of(stripped).channel_order == "BGR"
    again = tmp_path / "again.keras"
    stripped.save(again)
    provenance = keras.models.load_model(again).provenance
    assert provenance == {
        "source": "x.pth",
        "format": "pytorch",
        "sha256": report.sha256,
        "licence": "Do as you like.\n",
    }


def test_the_channel_order_can_be_given(tmp_path, sphere20):
    content = writers.torch_zip(sphere20[0])
    model, report = imported(
        tmp_path, "x.pth", content, arguments={"channel_order": "RGB"}
    )
    assert model.pixel_contract.channel_order == report.channel_order == "RGB"
