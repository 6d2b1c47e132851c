"""SavedModels that could do more than compute are refused, by the operators' names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.weights import tensorflow_files
from tf_sphereface.commands import clean, cluster, embed, evaluate
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import SavedModelEmbedder, open_features
from tf_sphereface.evaluation.embeddings import crop_embedders
from tf_sphereface.foreign.checkpoint_index import read_index
from tf_sphereface.foreign.saved_model_check import check_saved_model

CROPS = tf.TensorSpec((None, 8, 6, 3), tf.float32)
RESTORED = {"tensor_names": ["a"], "shape_and_slices": [""]}


def saved(folder, addend, branch=False):
    """A network whose embedding has the result of a function added to it."""
    module = tf.Module()
    module.scale = tf.Variable(2.0)

    @tf.function(input_signature=[CROPS])
    def serve(images):
        means = tf.reduce_mean(images, (1, 2)) * module.scale
        if branch:
            e = tf.cond(means[0, 0] > 9, lambda: means + addend(), lambda: means)
            return {"e": e}
        return {"e": means + addend()}

    tf.saved_model.save(module, str(folder), signatures=serve)
    return folder


def size_of(text):
    return tf.cast(tf.size(text), tf.float32)


def write(text):
    tf.io.write_file("/nowhere/x", text)
    return 0.0


def printed(text):
    tf.print(text)
    return 0.0


def save():
    tensors = {"prefix": "/nowhere/x", "tensors": [tf.zeros(1)]}
    tf.raw_ops.SaveV2(**tensors, **RESTORED)
    return 0.0


PROGRAMS = {
    "ReadFile": lambda: size_of(tf.io.read_file("/etc/passwd")),
    "WriteFile": lambda: write("x"),
    "MatchingFiles": lambda: size_of(tf.io.matching_files("/etc/*")),
    "PyFunc": lambda: tf.numpy_function(lambda: np.float32(0), [], tf.float32),
    "EagerPyFunc": lambda: tf.py_function(lambda: 0.0, [], tf.float32),
    "SaveV2": save,
    "RestoreV2": lambda: tf.raw_ops.RestoreV2(
        prefix="/nowhere/x", dtypes=[tf.float32], **RESTORED
    )[0],
    "PrintV2": lambda: printed("x"),
    "TensorDataset": lambda: tf.data.Dataset.from_tensors(0.0).reduce(0.0, tf.add),
}


@pytest.mark.quick_cases("*-False", "ReadFile-True")
@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("operator", PROGRAMS)
def test_a_program_is_refused(tmp_path, operator, branch):
    path = saved(tmp_path / "x", PROGRAMS[operator], branch)
    with pytest.raises(InputError) as caught:
        open_features(path)
    assert f"{path} may do more than compute" in str(caught.value)
    assert operator in str(caught.value)
    assert "\n" not in str(caught.value)


def edited(path, change):
    """The SavedModel with its one graph changed by a function."""
    file = path / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())
    return path


def test_what_a_signature_calls_cannot_pass_for_what_saves(tmp_path):
    def disguise(graph):
        called = graph.signature_def["serving_default"].outputs["e"].name
        graph.saver_def.save_tensor_name = called

    path = edited(saved(tmp_path / "x", save), disguise)
    with pytest.raises(InputError, match="has the operators .*SaveV2;"):
        check_saved_model(path)


def test_functions_that_only_other_functions_name_are_looked_at(tmp_path):
    def add(graph):
        function = graph.graph_def.library.function.add()
        function.signature.name = "unused"
        function.node_def.add(name="x", op="MyOwnOperator")

    path = edited(saved(tmp_path / "x", lambda: 0.0), add)
    with pytest.raises(InputError, match="has the operators MyOwnOperator;"):
        check_saved_model(path)


def first_version(folder, addend=0.0, saver=True):
    """A SavedModel of TensorFlow 1, with a switch as FaceNet's have one."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        images = v1.placeholder(tf.float32, (None, 8, 6, 3), name="input")
        training = v1.placeholder_with_default(False, (), name="phase_train")
        scale = v1.get_variable("scale", initializer=2.0)
        means = tf.reduce_mean(images, (1, 2)) * scale
        noisy = v1.cond(training, lambda: tf.nn.dropout(means, rate=0.5), lambda: means)
        outputs = noisy + (addend() if callable(addend) else addend)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"i": images}, {"o": outputs})
    return folder


@pytest.mark.filterwarnings("ignore")
def test_saved_models_of_tensorflow_1(tmp_path):
    source = open_features(first_version(tmp_path / "x"))
    crops = np.full((1, 8, 6, 3), 255, np.uint8)
    np.testing.assert_allclose(source.embed(crops), 2 * 127.5 / 128, atol=1e-6)
    for operator in ("WriteFile", "RestoreV2"):
        path = first_version(tmp_path / operator, PROGRAMS[operator])
        with pytest.raises(InputError, match=f"has the operators {operator};"):
            open_features(path)


def test_saving_while_variables_are_restored_is_refused(tmp_path):
    def swap(graph):
        graph.saver_def.restore_op_name = graph.saver_def.save_tensor_name

    path = edited(first_version(tmp_path / "x"), swap)
    with pytest.raises(InputError, match="has the operators .*SaveV2;"):
        check_saved_model(path)


LAYERS = [
    lambda x: keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3)(x)),
    lambda x: keras.layers.PReLU()(keras.layers.DepthwiseConv2D(3)(x)),
    lambda x: keras.layers.Dropout(0.5)(keras.layers.LayerNormalization()(x)),
    lambda x: keras.layers.Activation("gelu")(keras.layers.Resizing(9, 9)(x)),
    lambda x: keras.layers.UpSampling2D()(keras.layers.Rescaling(1 / 255)(x)),
    lambda x: keras.layers.MultiHeadAttention(1, 2)(x, x),
    lambda x: keras.layers.SeparableConv2D(4, 3)(keras.layers.GaussianNoise(0.1)(x)),
]


def test_what_keras_exports_is_allowed(tmp_path):
    """Also seen: MobileNetV3, EfficientNet, ConvNeXt, Inception-ResNet-v2."""
    inputs = keras.Input((32, 24, 3))
    hidden = inputs
    for layer in LAYERS:
        hidden = layer(hidden)
    outputs = keras.layers.UnitNormalization()(keras.layers.Flatten()(hidden))
    keras.Model(inputs, outputs).export(tmp_path / "x", verbose=False)
    check_saved_model(tmp_path / "x")


def test_the_index_of_the_variables_is_looked_at(tmp_path):
    variables = saved(tmp_path / "x", lambda: 0.0) / "variables"
    (variables / "variables.data-00001-of-00002").write_bytes(b"")
    with pytest.raises(InputError, match=r"variables\.index must be of the 2 data"):
        check_saved_model(tmp_path / "x")


def test_an_index_may_have_several_data_files(tmp_path):
    index = tmp_path / "x.index"
    entries = {
        "a": tensorflow_files.entry((1,), size=4),
        "b": tensorflow_files.entry((2,), size=8, shard_id=1),
    }
    index.write_bytes(tensorflow_files.index_of(entries, shards=2))
    shapes = {name: entry.shape for name, entry in read_index(index, 4, 8).items()}
    assert shapes == {"a": (1,), "b": (2,)}
    with pytest.raises(InputError, match="damaged checkpoint"):
        read_index(index, 8, 4)  # b does not fit


@pytest.mark.parametrize("module", [embed, evaluate, cluster, clean])
def test_commands_say_it_in_a_line_and_do_as_they_are_told(
    tmp_path, monkeypatch, capsys, module
):
    path = saved(tmp_path / "x", lambda: write("x"))
    options = {
        embed: ["--images", tmp_path, "--out", tmp_path / "a.npz"],
        evaluate: ["--pairs", tmp_path / "p", "--out", tmp_path / "r"],
        cluster: [
            "--images",
            tmp_path,
            "--threshold",
            0.5,
            "--out",
            tmp_path / "a.csv",
        ],
        clean: [tmp_path, "--out", tmp_path / "a.csv"],
    }[module]
    model = ["--model", path] if module is clean else [path]
    arguments = [str(argument) for argument in (*model, *options)]
    assert module.main(arguments) == 2
    printed = capsys.readouterr().err
    assert "may do more than compute: it has the operators WriteFile;" in printed
    assert printed.count("\n") == 1
    given = []
    monkeypatch.setattr(
        crop_embedders.SavedModelEmbedder,
        "__init__",
        lambda self, *arguments: given.append(arguments) or refuse(),
    )
    assert module.main([*arguments, "--trust-model"]) == 2
    assert given[0][-1] is True


def refuse():
    raise InputError("seen")


def test_a_trusted_program_runs(tmp_path):
    path = saved(tmp_path / "x", PROGRAMS["ReadFile"])
    assert SavedModelEmbedder(path, trust=True).embedding_dim == 3
    with pytest.raises(InputError, match="only a SavedModel is a program"):
        open_features(tmp_path, trust_model=True)
