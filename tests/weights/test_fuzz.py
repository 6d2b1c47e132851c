"""Any bytes give tensors or an `InputError`: no other exception.

Keras' own files are in test_keras_fuzz.py.
"""

import json
import struct

import numpy as np
import pytest

from tests.damaged_files import CASES, check_reader, mutations
from tests.weights import tensorflow_files, writers
from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.weights.assignment import match, values_for
from tf_sphereface.weights.files.formats import kind_of, read_weight_file
from tf_sphereface.weights.files.prototxt import check_prototxt
from tf_sphereface.weights.names import keys_of
from tf_sphereface.weights.networks import NETWORKS, Sizes
from tf_sphereface.weights.targets import targets_of

INTERESTING = [b"\x80", b"(", b"t", b"}", b"s"]  # of pickles and prototxt
STATE = {
    "conv1_1.weight": np.linspace(-1, 1, 27, dtype=np.float32).reshape(1, 3, 3, 3),
    "conv1_1.bias": np.ones(1, np.float32),
    "relu1_1.weight": np.ones(1, np.float32),
    "fc6.weight": np.ones((2, 2), np.float32),
}


KERAS_STATE = {
    "conv1_1/kernel": STATE["conv1_1.weight"].transpose(2, 3, 1, 0),
    "conv1_1/bias": STATE["conv1_1.bias"],
    "relu1_1/alpha": np.ones((1, 1, 1), np.float32),
    "fc6/kernel": STATE["fc6.weight"],
}


def graph_bytes(_):
    """Some constants with their numbers as bytes, others with a value each."""
    protos = {
        name: tensorflow_files.proto(values.shape, content=values.tobytes())
        for name, values in KERAS_STATE.items()
    }
    protos["conv1_1/bias"] = tensorflow_files.proto((1,), float_val=[1])
    protos["fc6/kernel"] = tensorflow_files.proto((2, 2), "float16", half_val=[0x3C00])
    return tensorflow_files.graph_of(**protos)


def safetensors_bytes(state):
    header, body = {"__metadata__": {"channel_order": "BGR"}}, b""
    for name, values in state.items():
        offsets = [len(body), len(body) + values.nbytes]
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": offsets}
        body += values.tobytes()
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


def assigner():
    """An import of a file, but for making and saving the network."""
    targets = targets_of(SphereFaceCNN(4, embedding_dim=2, width_multiplier=1 / 64))

    def assign(path):
        file = read_weight_file(path, kind_of(path))
        for tensor in file.tensors.values():
            assert tensor.read().shape == tensor.shape
        keys = keys_of(file, None)
        NETWORKS["sphereface_cnn"].sizes(Sizes(file, keys, file.layout))
        pairs, _ = match(file, keys, targets, ("fc6",), partial=True)
        values_for(file, pairs, file.layout)

    return assign


@CASES
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.pth", writers.torch_zip),
        ("y.pth", writers.torch_old),
        ("z.pth", lambda state: writers.torch_old(state, old=True, python_2=True)),
        ("x.caffemodel", writers.caffe_bytes),
        ("y.caffemodel", lambda state: writers.caffe_bytes(state, old=True)),
        ("x.safetensors", safetensors_bytes),
        ("x.pb", graph_bytes),
    ],
)
def test_weight_files(tmp_path, name, write, cases):
    path = tmp_path / name
    assign = assigner()

    def read(content):
        path.write_bytes(content)
        assign(path)

    check_reader(cases, mutations(write(STATE), INTERESTING), read)


@CASES
@pytest.mark.parametrize("part", [".index", tensorflow_files.DATA])
def test_checkpoints(tmp_path, part, cases):
    tensorflow_files.save_checkpoint(KERAS_STATE, tmp_path / "x")
    path, assign = tmp_path / f"x{part}", assigner()

    def read(content):
        path.write_bytes(content)
        assign(path)

    check_reader(cases, mutations(path.read_bytes()), read)


@CASES
def test_entries_of_checkpoints_whose_checksums_are_right(tmp_path, cases):
    (tmp_path / f"x{tensorflow_files.DATA}").write_bytes(bytes(20))
    path, assign = tmp_path / "x.index", assigner()

    def read(content):
        entries = {"conv1_1/bias": tensorflow_files.entry((1,), 1, 4, 16, bytes(4))}
        path.write_bytes(tensorflow_files.index_of({**entries, "fc6/kernel": content}))
        assign(path)

    whole = tensorflow_files.entry((2, 2))
    check_reader(cases, mutations(whole, [b"\x12", b"\x08", b"\x3a\0"]), read)


@CASES
def test_prototxt(tmp_path, cases):
    path, weights = tmp_path / "x.prototxt", tmp_path / "x.caffemodel"
    weights.write_bytes(writers.caffe_bytes(STATE))
    file = read_weight_file(weights, "caffe")

    def read(content):
        path.write_bytes(content)
        check_prototxt(path, file)

    whole = b'layer { name: "conv1_1" type: "Convolution" x { y: 1 } z: [1, 2] '
    whole += b"convolution_param { num_output: 1 } } # end\n"
    check_reader(cases, mutations(whole, INTERESTING), read)
