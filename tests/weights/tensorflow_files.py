"""TensorFlow's files: by TensorFlow, and by hand where it would not write them."""

import struct

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.python.tools.optimize_for_inference_lib import fold_batch_norms

from tests.weights.writers import varint

DATA = ".data-00000-of-00001"


def save_checkpoint(state, prefix):
    """A checkpoint of variables; gives its index and data file."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        for name, values in state.items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(values))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver()
        saver.save(session, str(prefix), write_meta_graph=False, write_state=False)
    return prefix.with_name(prefix.name + ".index"), prefix.with_name(
        prefix.name + DATA
    )


def frozen_graph(state, constants=()):
    """GraphDef of variables turned into constants, and of other constants, as bytes."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        for name, values in state.items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(values))
        for name, values in dict(constants).items():
            tf.constant(values, name=name)
        session.run(tf.compat.v1.global_variables_initializer())
        frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), [*state, *dict(constants)]
        )
    return frozen.SerializeToString()


def folded_graph(state):
    """GraphDef in which TensorFlow's own tool has folded batch norm into convolutions.

    Only the convolutions are joined with their batch norm, and each has an image of its
    own: folding asks no more. The constants of what was folded stay in the file.
    """
    with tf.Graph().as_default() as graph:
        made = {name: tf.constant(values, name=name) for name, values in state.items()}
        for name, values in state.items():
            scope = name.removesuffix("/weights")
            norm = f"{scope}/BatchNorm"
            if values.ndim != 4 or f"{norm}/beta" not in state:
                continue
            image = tf.compat.v1.placeholder(
                tf.float32, (1, 9, 9, values.shape[2]), name=f"{scope}/image"
            )
            maps = tf.nn.conv2d(image, made[name], 1, "SAME", name=f"{scope}/Conv2D")
            tf.raw_ops.FusedBatchNorm(
                x=maps,
                scale=tf.ones_like(made[f"{norm}/beta"], name=f"{norm}/Const"),
                offset=made[f"{norm}/beta"],
                mean=made[f"{norm}/moving_mean"],
                variance=made[f"{norm}/moving_variance"],
                epsilon=0.001,
                is_training=False,
                name=f"{norm}/FusedBatchNorm",
            )
    return fold_batch_norms(graph.as_graph_def()).SerializeToString()


def graph_of(**nodes):
    """A GraphDef of constants, each a TensorProto."""
    graph = tf.compat.v1.GraphDef()
    for name, proto in nodes.items():
        node = graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = proto.dtype
        node.attr["value"].tensor.CopyFrom(proto)
    return graph.SerializeToString()


def proto(shape, dtype="float32", content=b"", **values):
    made = tf.make_tensor_proto(np.zeros(1), tf.float64)
    made.Clear()
    made.dtype = tf.dtypes.as_dtype(dtype).as_datatype_enum
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    made.tensor_content = content
    for name, numbers in values.items():
        getattr(made, name).extend(numbers)
    return made


def index_of(entries, shards=1):
    """The index of a checkpoint, with right checksums; entries are bytes by name."""
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=shards)
    header.version.producer = 1
    rows = [(b"", header.SerializeToString())]
    rows += [(name.encode(), content) for name, content in sorted(entries.items())]
    written, handles = b"", []
    for block in (rows, []):
        handles.append(varint(len(written)) + varint(len(block_bytes(block)) - 5))
        written += block_bytes(block)
    directory = block_bytes([(b"\xff", handles[0])])
    footer = handles[1] + varint(len(written)) + varint(len(directory) - 5)
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    return written + directory + footer.ljust(40, b"\0") + magic


def entry(shape=(4,), dtype=1, size=16, offset=0, crc=bytes(16), **fields):
    """An entry of the index; `crc` are the bytes of the tensor."""
    made = tensor_bundle_pb2.BundleEntryProto(dtype=dtype, size=size, offset=offset)
    made.crc32c = masked_crc(crc)
    for length in shape:
        made.shape.dim.add(size=length)
    made.MergeFrom(tensor_bundle_pb2.BundleEntryProto(**fields))
    return made.SerializeToString()


def block_bytes(rows):
    content = b"".join(
        varint(0) + varint(len(key)) + varint(len(value)) + key + value
        for key, value in rows
    )
    content += struct.pack("<II", 0, 1) + b"\0"  # one restart; not compressed
    return content + struct.pack("<I", masked_crc(content))


def masked_crc(content):
    """CRC-32C, turned and shifted as LevelDB stores it."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
