"""Caffe's binary weights, read with a description of the few fields that count.

The layers, blobs and numbers are described as bytes: each is decoded when its turn has
come, so that a small file with millions of empty messages takes little memory.

Reference: caffe.proto of BVLC/caffe (NetParameter, LayerParameter, BlobProto).
"""

import functools
import math
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.tensors import SourceTensor, WeightFile

_MOST_LAYERS, _MOST_BLOBS, _MOST_AXES = 10_000, 16, 8
_LARGEST_FILE = (1 << 31) - 1  # what the wire format allows
_ROLES = ("weight", "bias")
_AXES = {"Convolution": 4, "InnerProduct": 2}  # of weights; of all else one
# Message: field, number, type, repeated. A packed run of numbers is bytes on the wire.
_FIELDS = {
    "Net": [("layers", 2, "BYTES", True), ("layer", 100, "BYTES", True)],
    "Layer": [
        ("name", 1, "BYTES", False),
        ("type", 2, "BYTES", False),
        ("blobs", 7, "BYTES", True),
    ],
    "Blob": [
        *((name, n, "INT32", False) for n, name in enumerate("NCHW", start=1)),
        ("data", 5, "BYTES", True),
        ("shape", 7, "BYTES", False),
        ("double_data", 8, "BYTES", True),
    ],
    "Shape": [("dim", 1, "INT64", True)],
}


def read_caffe_model(path: Path) -> WeightFile:
    """The blobs of a `.caffemodel`: "conv1_1.weight", "conv1_1.bias", ...

    The first blob of a layer is named weight, as PyTorch calls what it is in
    convolutions, inner products and PReLU; the second is its bias.

    Raises: InputError if the file is damaged or of Caffe's first format.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError(f"a .caffemodel must be smaller than 2 GB: {path}")
    net = _parse("Net", path.read_bytes(), path, "the net")
    if not net.layer:
        if net.layers:
            raise InputError(
                f"{path} is of Caffe's first format (V1 layers); bring it up to date "
                "with Caffe's upgrade_net_proto_binary"
            )
        raise InputError(f"not a .caffemodel, or one without layers: {path}")
    if len(net.layer) > _MOST_LAYERS:
        raise InputError(f"{path} must have at most {_MOST_LAYERS} layers")
    tensors, types = {}, {}
    for content in net.layer:
        layer = _parse("Layer", content, path, "a layer")
        name = layer.name.decode("utf-8", "replace")
        if len(layer.blobs) > _MOST_BLOBS or name in types:
            raise InputError(
                f"damaged .caffemodel: {path}, layer {name!r:.80} occurs twice or has "
                "too many blobs"
            )
        types[name] = layer.type.decode("utf-8", "replace")
        for number, blob in enumerate(layer.blobs):
            role = _ROLES[number] if number < len(_ROLES) else f"blob{number}"
            axes = _AXES.get(types[name], 1) if role == "weight" else 1
            tensors[f"{name}.{role}"] = _tensor(blob, path, f"{name}.{role}", axes)
    return WeightFile(path, "caffe", tensors, metadata={"types": types})


@functools.cache
def _messages():
    file = descriptor_pb2.FileDescriptorProto(
        name="tf_sphereface/caffe.proto", package="tf_sphereface.caffe"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            message.field.add(
                name=field,
                number=number,
                type=getattr(kinds, f"TYPE_{kind}"),
                label=label,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tf_sphereface.caffe.{name}")
        )
        for name in _FIELDS
    }


def _parse(kind, content, path, what):
    message = _messages()[kind]()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise InputError(f"damaged .caffemodel: {path}, {what:.100}") from error
    return message


def _tensor(content, path, name, axes):
    blob = _parse("Blob", content, path, name)
    dtype = "float64" if blob.double_data else "float32"
    parts = blob.double_data or blob.data
    length = sum(map(len, parts))
    if blob.HasField("shape"):
        if len(blob.shape) > 10 * _MOST_AXES + 10:
            raise InputError(f"damaged .caffemodel: {path}, shape of {name:.100}")
        shape = tuple(_parse("Shape", blob.shape, path, name).dim)
    else:
        shape = _without_leading_ones((blob.N, blob.C, blob.H, blob.W), axes)
    count = math.prod(shape)
    if len(shape) > _MOST_AXES or any(n < 0 for n in shape):
        raise InputError(f"damaged .caffemodel: {path}, shape of {name:.100}")
    if length != count * np.dtype(dtype).itemsize:
        raise InputError(
            f"damaged .caffemodel: {path}, {name:.100} must have {count} packed "
            f"numbers of {dtype}. Received: {length} bytes"
        )

    def read():
        values = np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<"))
        return values.reshape(shape)

    return SourceTensor(shape, dtype, read)


def _without_leading_ones(shape, axes):
    """Old blobs have four axes always: those of a bias are (1, 1, 1, n)."""
    while len(shape) > axes and shape[0] == 1:
        shape = shape[1:]
    return shape
