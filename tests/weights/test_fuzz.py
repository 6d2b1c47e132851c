"""Any bytes give tensors or an `InputError`: no other exception."""

import json
import struct

import numpy as np
import pytest

from tests.damaged_files import CASES, check_reader, mutations
from tests.weights import writers
from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.weights.assignment import match, values_for
from tf_sphereface.weights.formats import kind_of, read_weight_file
from tf_sphereface.weights.names import keys_of
from tf_sphereface.weights.networks import NETWORKS, Sizes
from tf_sphereface.weights.prototxt import check_prototxt
from tf_sphereface.weights.targets import targets_of

INTERESTING = [b"\x80", b"(", b"t", b"}", b"s"]  # of pickles and prototxt
STATE = {
    "conv1_1.weight": np.linspace(-1, 1, 27, dtype=np.float32).reshape(1, 3, 3, 3),
    "conv1_1.bias": np.ones(1, np.float32),
    "relu1_1.weight": np.ones(1, np.float32),
    "fc6.weight": np.ones((2, 2), np.float32),
}


def safetensors_bytes(state):
    header, body = {"__metadata__": {"channel_order": "BGR"}}, b""
    for name, values in state.items():
        offsets = [len(body), len(body) + values.nbytes]
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": offsets}
        body += values.tobytes()
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


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
    ],
)
def test_weight_files(tmp_path, name, write, cases):
    path = tmp_path / name
    targets = targets_of(SphereFaceCNN(4, embedding_dim=2, width=1 / 64))

    def read(content):
        path.write_bytes(content)
        file = read_weight_file(path, kind_of(path))
        for tensor in file.tensors.values():
            assert tensor.read().shape == tensor.shape
        keys = keys_of(file, None)
        NETWORKS["sphereface_cnn"].sizes(Sizes(file, keys, file.layout))
        pairs, _ = match(file, keys, targets, ("fc6",), partial=True)
        values_for(file, pairs, file.layout)

    check_reader(cases, mutations(write(STATE), INTERESTING), read)


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
