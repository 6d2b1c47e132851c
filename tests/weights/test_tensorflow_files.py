"""FaceNet's TensorFlow files give the embeddings of that network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.weights import facenet, tensorflow_files
from tests.weights.tensorflow_files import graph_of, proto
from tf_sphereface.errors import InputError
from tf_sphereface.weights import import_weights
from tf_sphereface.weights.facenet_names import with_facenet_names
from tf_sphereface.weights.files.formats import kind_of, read_weight_file
from tf_sphereface.weights.files.tensors import FOLDED
from tf_sphereface.weights.names import NameMap

NORM = ("beta", "gamma", "moving_mean", "moving_variance")
NAME = "inception_resnet_v1"
PIXELS = {"height": facenet.SIZE, "width": facenet.SIZE}
FIRST = "InceptionResnetV1/Conv2d_1a_3x3"
# What else is in the files, and why it is left out.
TRAINING = {
    "Logits/weights": (np.ones((128, 3), np.float32), "the classifier"),
    "Logits/biases": (np.ones(3, np.float32), "the classifier"),
    f"{FIRST}/weights/Adam": (np.ones(2, np.float32), "an optimizer"),
    f"{FIRST}/weights/Adam_1": (np.ones(2, np.float32), "an optimizer"),
    f"{FIRST}/BatchNorm/beta/Adagrad": (np.ones(2, np.float32), "an optimizer"),
    f"{FIRST}/BatchNorm/beta/RMSProp_1": (np.ones(2, np.float32), "an optimizer"),
    "Logits/biases/Momentum": (np.ones(3, np.float32), "an optimizer"),
    f"{FIRST}/weights/ExponentialMovingAverage": (
        np.ones(2, np.float32),
        "a moving average",
    ),
    "global_step": (np.array(7, np.int64), "a counter"),
    "beta1_power": (np.array(0.9, np.float32), "a counter"),
    "total_loss/avg": (np.array(0.5, np.float32), "an average"),
    "centers": (np.ones((3, 128), np.float32), "the centres"),
}
CONSTANTS = {
    f"{FIRST}/BatchNorm/Const": np.ones(2, np.float32),
    "InceptionResnetV1/Repeat/block35_1/mul/x": np.float32(0.17),
}


@pytest.fixture(scope="module")
def network():
    """Variables, an image and its embedding."""
    state = facenet.make_state(dim=128)
    image = np.random.default_rng(4).normal(size=(facenet.SIZE, facenet.SIZE, 3))
    image = image.astype(np.float32)
    return state, image, facenet.embed(state, image, dim=128)


def assert_embeds(path, image, expected):
    model = keras.models.load_model(path)
    actual = ops.convert_to_numpy(model(image[None]))[0]
    assert np.abs(expected).max() > 0.1  # there is something to be compared
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())
    return model


def folded_content(state, stripped):
    """A frozen graph with folded batch norm, with or without the statistics."""
    content = tensorflow_files.folded_graph(state)
    if not stripped:
        return content
    graph = tf.compat.v1.GraphDef.FromString(content)
    kept = [
        node
        for node in graph.node
        if "Bottleneck" in node.name or "/BatchNorm/" not in node.name
    ]
    return tf.compat.v1.GraphDef(node=kept).SerializeToString()


def left_out(report):
    return {row.source: row.note for row in report.rows if row.target is None}


@pytest.mark.slow
def test_a_frozen_graph_gives_facenets_embedding(tmp_path, network):
    state, image, expected = network
    source, out = tmp_path / "x.pb", tmp_path / "model.keras"
    numbers = {"batch_join/n": np.array([1, 2], np.int32)}
    content = tensorflow_files.frozen_graph(state, {**CONSTANTS, **numbers})
    source.write_bytes(content)
    report = import_weights(source, NAME, out, arguments=PIXELS)
    assert_embeds(out, image, expected)
    assert report.arguments["width_multiplier"] == 1 / 16
    assert report.arguments["embedding_dim"] == 128
    assert report.channel_order == "RGB"
    assert left_out(report) == dict.fromkeys(
        CONSTANTS, "a constant of the graph, no weight"
    )
    assert report.notes == ["1 constants that are no floating-point numbers"]
    made = [row for row in report.rows if row.source.endswith("/gamma")]
    assert len(made) == sum(name.endswith("/beta") for name in state)
    assert {row.note for row in made} == {
        "not in the file: its batch norm has no gamma"
    }
    assert not report.missing


@pytest.mark.slow
@pytest.mark.parametrize("stripped", [True, False])
def test_folded_batch_norm_gives_facenets_embedding(tmp_path, network, stripped):
    state, image, expected = network
    source, out = tmp_path / "x.pb", tmp_path / "model.keras"
    source.write_bytes(folded_content(state, stripped))
    report = import_weights(source, NAME, out, arguments=PIXELS)
    assert_embeds(out, image, expected)
    assert FOLDED in report.notes


@pytest.mark.parametrize("stripped", [True, False])
def test_a_folded_convolution_keeps_its_function(tmp_path, stripped):
    """`optimize_for_inference` leaves the statistics; other tools strip them."""
    rng = np.random.default_rng(1)
    scope, norm = FIRST, f"{FIRST}/BatchNorm"
    state = {f"{scope}/weights": rng.normal(size=(3, 3, 2, 4)).astype(np.float32)}
    for name in ("beta", "moving_mean", "moving_variance"):
        state[f"{norm}/{name}"] = rng.uniform(0.5, 1.5, 4).astype(np.float32)
    (tmp_path / "x.pb").write_bytes(folded_content(state, stripped))
    file = read_weight_file(tmp_path / "x.pb", "tensorflow graph")
    file, names = with_facenet_names(file, None)
    given = {label: file.tensors[name].read() for name, label in names.tensors.items()}
    assert len(given) == len(names.tensors) == 5  # none of two tensors

    deviation = np.sqrt(state[f"{norm}/moving_variance"] + 0.001)
    scale = given["conv2d_1a_bn/gamma"] / np.sqrt(
        given["conv2d_1a_bn/moving_variance"] + 0.001
    )
    np.testing.assert_allclose(
        given["conv2d_1a_conv/kernel"] * scale,
        state[f"{scope}/weights"] / deviation,
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        given["conv2d_1a_bn/beta"] - given["conv2d_1a_bn/moving_mean"] * scale,
        state[f"{norm}/beta"] - state[f"{norm}/moving_mean"] / deviation,
        rtol=1e-5,
    )
    assert FOLDED in file.notes


def test_a_map_of_ones_own_takes_a_folded_bias_too(tmp_path):
    name, label = "Net/Conv2D_bn_offset", "conv2d_1a_bn/beta"
    (tmp_path / "x.pb").write_bytes(graph_of(**{name: proto((2,), float_val=[7])}))
    file = read_weight_file(tmp_path / "x.pb", "tensorflow graph")
    file, names = with_facenet_names(file, NameMap({name: label}))
    given = {label: file.tensors[name].read() for name, label in names.tensors.items()}
    assert sorted(given) == [f"conv2d_1a_bn/{weight}" for weight in NORM]
    np.testing.assert_array_equal(given[label], [7, 7])
    np.testing.assert_array_equal(given["conv2d_1a_bn/moving_mean"], [0, 0])
    assert file.notes == [FOLDED]


@pytest.mark.slow
def test_a_checkpoint_gives_facenets_embedding(tmp_path, network):
    state, image, expected = network
    training = {name: values for name, (values, _) in TRAINING.items()}
    prefix, out = tmp_path / "model-2018.ckpt-275", tmp_path / "model.keras"
    tensorflow_files.save_checkpoint({**state, **training}, prefix)
    report = import_weights(prefix, NAME, out, arguments=PIXELS)
    provenance = assert_embeds(out, image, expected).provenance
    notes = left_out(report)
    assert notes.keys() == TRAINING.keys()
    for name, (_, reason) in TRAINING.items():
        assert notes[name].startswith(reason) or notes[name].endswith(reason)
    assert provenance["source"] == "model-2018.ckpt-275.data-00000-of-00001"
    assert provenance["format"] == "tensorflow checkpoint"


@pytest.mark.slow
def test_an_embedding_of_512_is_told_by_the_file(tmp_path):
    source, out = tmp_path / "x.pb", tmp_path / "model.keras"
    state = facenet.make_state(dim=512)
    source.write_bytes(tensorflow_files.frozen_graph(state))
    report = import_weights(source, NAME, out, arguments=PIXELS)
    assert report.arguments["embedding_dim"] == 512


@pytest.mark.parametrize(
    "form",
    ["a/x.ckpt-1", "a/x.ckpt-1.index", f"a/x.ckpt-1{tensorflow_files.DATA}", "a"],
)
def test_a_checkpoint_has_four_names(tmp_path, form):
    (tmp_path / "a").mkdir()
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    tensorflow_files.save_checkpoint({"b/c": values}, tmp_path / "a" / "x.ckpt-1")
    kind = kind_of(tmp_path / form)
    assert kind == "tensorflow checkpoint"
    file = read_weight_file(tmp_path / form, kind)
    assert file.path.name == "x.ckpt-1.data-00000-of-00001"
    [(name, tensor)] = file.tensors.items()
    assert (name, tensor.shape, tensor.dtype) == ("b/c", (2, 3), "float64")
    np.testing.assert_array_equal(tensor.read(), values)


def test_a_folder_must_hold_one_checkpoint(tmp_path):
    with pytest.raises(InputError, match="must hold one checkpoint .* with none"):
        kind_of(tmp_path)
    for name in ("a", "b"):
        tensorflow_files.save_checkpoint({"b/c": np.ones(1)}, tmp_path / name)
    with pytest.raises(InputError, match="with a.index, b.index"):
        kind_of(tmp_path)


def test_a_checkpoint_that_ends_like_pytorchs_is_known(tmp_path):
    tensorflow_files.save_checkpoint({"b/c": np.ones(1)}, tmp_path / "model.ckpt")
    assert kind_of(tmp_path / "model.ckpt") == "tensorflow checkpoint"
    (tmp_path / "model.ckpt").write_bytes(b"a file of this very name goes before")
    assert kind_of(tmp_path / "model.ckpt") == "pytorch"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (proto((2, 2), content=np.float32([1, 2, 3, 4]).tobytes()), [[1, 2], [3, 4]]),
        (proto((2, 2), float_val=[1, 2, 3, 4]), [[1, 2], [3, 4]]),
        (proto((2, 2), float_val=[1, 2]), [[1, 2], [2, 2]]),  # the last one goes on
        (proto((3,), float_val=[7]), [7, 7, 7]),
        (proto((3,)), [0, 0, 0]),
        (proto((), float_val=[7]), 7),
        (proto((0,)), []),
        (proto((2,), "float64", double_val=[0.1, 0.2]), [0.1, 0.2]),
        (proto((2,), "float16", half_val=[0x3C00]), [1, 1]),
        (proto((2,), "bfloat16", half_val=[0x3F80, 0x4000]), [1, 2]),
        (proto((1,), "bfloat16", content=b"\x40\x40"), [3]),
    ],
)
def test_all_forms_of_constants_are_read(tmp_path, made, expected):
    path = tmp_path / "x.pb"
    padding = proto((8,), content=bytes(32))
    path.write_bytes(graph_of(a=made, padding=padding))
    tensor = read_weight_file(path, "tensorflow graph").tensors["a"]
    values = np.asarray(tensor.read(), np.float64)
    assert tensor.dtype == tf.dtypes.as_dtype(made.dtype).name
    assert tensor.shape == values.shape
    np.testing.assert_array_equal(values, expected)


@pytest.mark.slow
def test_a_map_of_ones_own_goes_before(tmp_path, network):
    state, _, _ = network
    changed = {name.replace("Bottleneck", "Last"): v for name, v in state.items()}
    source, out = tmp_path / "x.pb", tmp_path / "model.keras"
    source.write_bytes(tensorflow_files.frozen_graph(changed))
    arguments = {**PIXELS, "width_multiplier": 1 / 16, "embedding_dim": 128}
    with pytest.raises(InputError, match="InceptionResnetV1/Last/"):
        import_weights(source, NAME, out, arguments=arguments)
    chosen = {
        f"InceptionResnetV1/Last/{theirs}": ours
        for theirs, ours in {
            "weights": "last_linear/kernel",
            "BatchNorm/beta": "last_bn/beta",
            "BatchNorm/moving_mean": "last_bn/moving_mean",
            "BatchNorm/moving_variance": "last_bn/moving_variance",
        }.items()
    }
    lines = [f'"{theirs}" = "{ours}"' for theirs, ours in chosen.items()]
    (tmp_path / "map.toml").write_text("[tensors]\n" + "\n".join(lines))
    map_file = tmp_path / "map.toml"
    report = import_weights(source, NAME, out, map_file=map_file, arguments=arguments)
    targets = {row.source: row.target for row in report.rows}
    assert chosen == {name: targets[name] for name in chosen}
