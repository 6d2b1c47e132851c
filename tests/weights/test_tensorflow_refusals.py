"""TensorFlow's files that are hostile or damaged: refused, whole."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import tensorflow_files
from tests.weights.tensorflow_files import entry, graph_of, index_of, proto
from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.formats import kind_of, read_weight_file

NAME = "inception_resnet_v1"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (proto((2,), content=bytes(4)), "must have 2 numbers of float32"),
        (proto((2,), content=bytes(12)), "must have 2 numbers of float32"),
        (proto((1 << 40,), content=bytes(4)), "numbers of float32. Received: 4 bytes"),
        (proto((2,), float_val=[1, 2, 3]), "must have 2 numbers of float32"),
        (proto((1000,), float_val=[1]), "is smaller than the numbers"),
        (proto((1 << 40, 1 << 40)), "is smaller than the numbers"),
        (proto((-1,), float_val=[1]), "shape of 'a'"),
        (proto((1,) * 9, float_val=[1]), "shape of 'a'"),
        (proto((2,), "int32", int_val=[1, 2]), "must be a frozen graph"),
    ],
)
def test_constants_that_declare_more_than_they_hold(refuse, made, message):
    assert message in refuse(graph_of(a=made), "x.pb", NAME)


def test_repeated_values_are_bounded_together(refuse):
    # Each of them is smaller than the file.
    graph = graph_of(**{f"a{n}": proto((100,), float_val=[1]) for n in range(40)})
    assert 400 < len(graph) < 16_000
    assert "is smaller than the numbers" in refuse(graph, "x.pb", NAME)


def test_a_value_that_its_type_cannot_hold_is_refused(refuse):
    made = proto((2,), "float16", half_val=[1 << 20])
    arguments = {
        "width_multiplier": 1 / 16,
        "embedding_dim": 8,
        "height": 75,
        "width": 75,
    }
    name = "InceptionResnetV1/Conv2d_1a_3x3/BatchNorm/beta"
    content = graph_of(**{name: made})
    options = {"arguments": arguments, "partial": True}
    assert "values of" in refuse(content, "x.pb", NAME, **options)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_graphs_are_refused(refuse, share):
    whole = graph_of(a=proto((500,), content=bytes(2000)))
    assert "damaged" in refuse(whole[: int(share * len(whole))], "x.pb", NAME)


def test_a_name_that_occurs_twice_is_refused(refuse):
    whole = graph_of(a=proto((1,), float_val=[1]))
    assert "'a' occurs twice" in refuse(whole + whole, "x.pb", NAME)


def test_what_is_no_frozen_graph_is_told(refuse):
    saved_model = tf.compat.v1.MetaGraphDef().SerializeToString()
    assert "must be a frozen graph" in refuse(saved_model, "x.pb", NAME)
    assert "must be a frozen graph" in refuse(b"", "x.pb", NAME)


@pytest.mark.slow
def test_many_empty_nodes_take_little_memory(tmp_path):
    path = tmp_path / "x.pb"
    path.write_bytes(b"\x0a\0" * 120_000)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="at most 100000 nodes"):
            read_weight_file(path, "tensorflow graph")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture
def checkpoint(tmp_path):
    """Writes an index of such entries beside 16 bytes; gives the message."""

    def read(entries, shards=1, data=bytes(16)):
        (tmp_path / f"x{tensorflow_files.DATA}").write_bytes(data)
        (tmp_path / "x.index").write_bytes(index_of(entries, shards))
        file = read_weight_file(tmp_path / "x", kind_of(tmp_path / "x"))
        return {name: tensor.read() for name, tensor in file.tensors.items()}

    return read


def test_an_index_made_by_hand_is_read(checkpoint):
    [(name, values)] = checkpoint({"a": entry()}).items()
    assert name == "a"
    np.testing.assert_array_equal(values, np.zeros(4, np.float32))


HOSTILE = {
    "negative": entry((-1,)),
    "overflow": entry((1 << 40, 1 << 40, 1 << 40)),
    "overflow-and-0": entry((1 << 40, 1 << 40, 0), size=0),
    "300 axes": entry((1,) * 300, size=4),
    "no message": b"\xff\xff\xff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_index_that_ends_tensorflows_process_is_refused(checkpoint, name):
    with pytest.raises(InputError, match="damaged checkpoint"):
        checkpoint({"a": HOSTILE[name]})


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_tensorflow_ends_its_process_on_such_an_index(tmp_path, name):
    """The reason to read the index here first: TensorFlow ends the process."""
    (tmp_path / f"x{tensorflow_files.DATA}").write_bytes(bytes(16))
    (tmp_path / "x.index").write_bytes(index_of({"a": HOSTILE[name]}))
    program = "import sys, tensorflow as tf; tf.train.load_checkpoint(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        check=False,
    )
    assert done.returncode < 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (entry(size=12), "must have .4,. of float32. Received: 12 bytes"),
        (entry(size=-1), "damaged checkpoint"),
        (entry(offset=-5), "damaged checkpoint"),
        (entry(offset=1), "damaged checkpoint"),
        (entry((8,), size=32), "damaged checkpoint"),
        (entry(dtype=0), "type of a"),
        (entry(dtype=99), "type of a"),
        (entry(dtype=7), "unreadable tensor a of string"),
        (entry(shard_id=1), "damaged checkpoint"),
        (entry(crc=b"other"), "damaged checkpoint: .*, a"),
    ],
)
def test_entries_that_do_not_fit_their_data_are_refused(checkpoint, content, message):
    with pytest.raises(InputError, match=message):
        checkpoint({"a": content})


def test_tensors_must_lie_side_by_side(checkpoint):
    with pytest.raises(InputError, match="more than the data file holds"):
        checkpoint({"a": entry(), "b": entry()})


def test_several_data_files_are_refused(checkpoint):
    with pytest.raises(InputError, match="must be of one data file"):
        checkpoint({"a": entry()}, shards=2)


@pytest.mark.parametrize("part", [".index", tensorflow_files.DATA])
@pytest.mark.parametrize("share", [None, 0.0, 0.5, 0.99])
def test_truncated_and_missing_parts_are_refused(tmp_path, part, share):
    tensorflow_files.save_checkpoint({"a": np.ones(99, np.float32)}, tmp_path / "x")
    path, whole = tmp_path / f"x{part}", (tmp_path / f"x{part}").read_bytes()
    path.unlink()
    if share is not None:
        path.write_bytes(whole[: int(share * len(whole))])
    source = tmp_path / f"x{tensorflow_files.DATA}"
    with pytest.raises(InputError, match="damaged|not there"):
        read_weight_file(source, kind_of(source))
