"""ONNX and TFLite files that are refused, in one line that says why."""

import os
import random

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.exported_bundles import tiny_backbone
from tests.mutants_of_models import mutated
from tf_sphereface.commands.main import main
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.runtimes.tflite_graph import packed, read_model
from tf_sphereface.weights.graphs import reading

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.weights.onnx_networks import OnnxNetwork  # noqa: E402 - it needs onnx

SIDES = (8, 12)
SLOW = [pytest.mark.slow, pytest.mark.timeout(3600)]
MUTANTS = int(os.environ.get("MUTANTS", "1000"))
RNG = np.random.default_rng(0)
STATE = {
    "conv.weight": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "prelu.weight": np.full(4, 0.25, np.float32),
    "bn.weight": np.ones(4, np.float32),
    "bn.bias": np.ones(4, np.float32),
    "bn.running_mean": np.zeros(4, np.float32),
    "bn.running_var": np.ones(4, np.float32),
}
DENSE = RNG.normal(size=(5, 4 * 8 * 12)).astype(np.float32)


def small(shape=(1, 3, *SIDES), change=None):
    """A network of four operators; `change` takes it and a tensor, gives another."""
    net = OnnxNetwork(STATE, shape)
    values = net.prelu(net.conv("image", "conv", norm="bn"), "prelu")
    values = values if change is None else change(net, values)
    flat = net.add("Flatten", values)
    return net.content(net.add("Gemm", flat, DENSE, transB=1))


def edited(edit, **options):
    model = onnx.load_model_from_string(small(**options))
    edit(model)
    return model.SerializeToString()


def with_two_inputs(model):
    value = onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1])
    model.graph.input.append(value)


def with_external_data(model):
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")


def of_opset(version):
    return lambda model: setattr(model.opset_import[0], "version", version)


def with_8_bits(model):
    values = np.ones((4, 3, 3, 3), np.int8)
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(values, model.graph.initializer[0].name)
    )


def with_nan(model):
    name = model.graph.initializer[0].name
    values = np.full((4, 3, 3, 3), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, name))


def in_domain(model):
    model.graph.node[0].domain = "com.microsoft"


def quantised(net, values):
    scale, zero = np.float32(0.1), np.int8(0)
    values = net.add("QuantizeLinear", values, net.constant(scale), net.constant(zero))
    return net.add("DequantizeLinear", values, net.constants[-2].name, "constant_0")


def squeezed_and_excited(net, values):
    return net.add("Mul", values, net.add("Sigmoid", values))


def pairs(net, values):
    return net.add("AveragePool", values, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


ONNX = {
    "free height": (
        lambda: small(shape=("batch", 3, "height", 12)),
        r"one height and width\. Received: an input of \(.*, 3, height, 12\)",
    ),
    "grey": (lambda: small(shape=(1, 1, *SIDES)), "images of 3 channels"),
    "two inputs": (
        lambda: edited(with_two_inputs),
        "one input and one out.*2 and 1",
    ),
    "external data": (
        lambda: edited(with_external_data),
        r"hold its weights itself\. Received: constant_0 in another file",
    ),
    "opset of the future": (lambda: edited(of_opset(999)), "is of opset 999, newer"),
    "format of the future": (
        lambda: edited(lambda model: setattr(model, "ir_version", 999)),
        "ONNX's format 999, newer",
    ),
    "8 bits": (lambda: edited(with_8_bits), "is quantised already.*int8"),
    "quantised": (lambda: small(change=quantised), "is quantised already"),
    "operator": (
        lambda: small(change=squeezed_and_excited),
        r"operator Sigmoid \(.*\), which no backbone here has",
    ),
    "pool": (lambda: small(change=pairs), "mean over all places.*AveragePool"),
    "domain": (lambda: edited(in_domain), r"operator Conv \("),
    "no numbers": (lambda: edited(with_nan), "must have finite weights"),
    "nothing": (lambda: b"", "one input and one output"),
    "a text": (lambda: b"not a model at all", "is damaged, or no ONNX file"),
}


@pytest.mark.parametrize("case", ONNX)
def test_an_onnx_file_is_refused(tmp_path, case):
    content, message = ONNX[case]
    path = tmp_path / "x.onnx"
    path.write_bytes(content())
    with pytest.raises(InputError, match=message) as caught:
        reading.read_onnx(path)
    assert "\n" not in str(caught.value)


def test_the_small_network_itself_is_read(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(small(("batch", 3, *SIDES)))
    arrays, _ = reading.read_onnx(path)
    assert arrays["outputs"].shape == (8, 5) and arrays["inputs"].shape[1:] == (
        8,
        12,
        3,
    )


@pytest.fixture(scope="module")
def float_file():
    return FloatModel(tiny_backbone(), PixelContract())


def edited_tflite(float_file, edit):
    model = read_model(float_file.content)
    edit(model)
    return packed(model)


def with_free_height(model):
    [index] = model.subgraphs[0].inputs
    tensor = model.subgraphs[0].tensors[index]
    tensor.shapeSignature = np.array([1, -1, 96, 3], np.int32)


def of_schema(model):
    model.version = 4


def with_unknown_operator(model):
    model.operatorCodes[0].builtinCode = 100_000


def with_sigmoid(model):
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.LOGISTIC
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.LOGISTIC


def of_version(model):
    for code in model.operatorCodes:
        code.version = 99


def twice(model):
    model.subgraphs.append(model.subgraphs[0])


def with_two_tflite_inputs(model):
    graph = model.subgraphs[0]
    graph.inputs = np.array([*graph.inputs, graph.inputs[0]], np.int32)


TFLITE = {
    with_free_height: r"one height.*Received: an input of \(1, -1, 96, 3\)",
    of_schema: "TFLite's schema 4; known is 3",
    with_unknown_operator: "operator number 100000",
    with_sigmoid: "operator LOGISTIC .*, which no backbone here has",
    of_version: r"could not be run by LiteRT \(.*version '?99",
    twice: "one graph, without branches",
    with_two_tflite_inputs: "one input and one output",
}


@pytest.mark.parametrize("edit", TFLITE)
def test_a_tflite_file_is_refused(tmp_path, float_file, edit):
    path = tmp_path / "x.tflite"
    path.write_bytes(edited_tflite(float_file, edit))
    with pytest.raises(InputError, match=TFLITE[edit]) as caught:
        reading.read_tflite(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variant", ["int4", "dynamic"])
def test_a_quantised_file_is_refused(tmp_path, float_file, variant):
    path = tmp_path / "x.tflite"
    path.write_bytes(quantize(float_file, variant))
    with pytest.raises(InputError, match=r"quantised already \(.*INT\d\): import"):
        reading.read_tflite(path)


@pytest.mark.parametrize("words", [("--partial",), ("--map", "m"), ("--prototxt", "p")])
def test_what_is_for_names_is_refused(tmp_path, capsys, words):
    path = tmp_path / "x.onnx"
    path.write_bytes(small())
    out = tmp_path / "x.keras"
    arguments = [str(path), "--backbone", "sphereface4", "--out", str(out), *words]
    assert main(["import-weights", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--map, --partial and --prototxt are for tensors by name" in line


def test_the_command_says_where_the_networks_part(tmp_path, capsys):
    path = tmp_path / "x.onnx"
    path.write_bytes(small())
    out = tmp_path / "x.keras"
    arguments = [str(path), "--backbone", "sphereface4", "--out", str(out)]
    assert main(["import-weights", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "is no sphereface4: its conv Conv Conv_0 of 8 x 12 x 4 would have" in line
    assert "docs/import_weights.md says which forms are known" in line
    assert not out.exists()


@pytest.mark.parametrize("count", [30, pytest.param(MUTANTS, marks=SLOW)])
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_mutants_are_read_or_refused(tmp_path, float_file, kind, count):
    """The readers alone; what the runtimes do is in tests/test_mutated_models.py."""
    whole = small() if kind == "onnx" else float_file.content
    read = {"onnx": reading.read_onnx, "tflite": reading.read_tflite}[kind]
    outcomes, path = {True: 0, False: 0}, tmp_path / "x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, f"_run_{kind}", lambda *_: lambda batch: np.ones((1, 2)))
        patch.setattr(reading, "_crops", lambda *_: np.ones((2, 1, 3, 8, 12)))
        for number in range(count):
            path.write_bytes(mutated(whole, random.Random(f"{kind} {number}")))
            try:
                read(path)
                outcomes[True] += 1
            except InputError as error:
                assert "\n" not in str(error)
                outcomes[False] += 1
    assert all(outcomes.values())
