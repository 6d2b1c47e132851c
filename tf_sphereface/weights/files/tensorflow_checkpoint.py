"""The tensors of TensorFlow's checkpoints: an index and one data file."""

import functools
import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.checkpoint_index import find_index, read_index
from tf_sphereface.weights.files.tensors import FLOATS, SourceTensor, WeightFile

_DATA = ".data-00000-of-00001"


def read_checkpoint(path: Path) -> WeightFile:
    """The tensors of a checkpoint, by the names of their variables.

    Args:
        path: Its prefix, `.index` or data file, or the folder that holds one.

    Returns: `path` is the data file.
    Raises: InputError if the checkpoint is damaged, or a part is not there.
    """
    index = find_index(path)
    prefix = str(index).removesuffix(".index")
    data = Path(prefix + _DATA)
    for part in (index, data):
        if not part.is_file():
            raise InputError(f"a part of the checkpoint is not there: {part}")
    entries = read_index(index, data.stat().st_size)

    @functools.cache
    def reader():
        # Not `load_checkpoint`, which follows what is written in the file "checkpoint"
        # if there is a folder of the prefix's name.
        return tf.compat.v1.train.NewCheckpointReader(prefix)

    tensors = {
        name: _tensor(entry, reader, name, data) for name, entry in entries.items()
    }
    return WeightFile(data, "tensorflow checkpoint", tensors, "keras")


def _tensor(entry, reader, name, data):
    try:
        dtype = tf.dtypes.as_dtype(entry.dtype)
    except TypeError as error:
        raise InputError(f"damaged checkpoint: {data}, type of {name:.80}") from error
    readable = dtype.name in (*FLOATS, "int32", "int64")
    if readable and entry.size != math.prod(entry.shape) * dtype.size:
        raise InputError(
            f"damaged checkpoint: {data}, {name:.80} must have {entry.shape} of "
            f"{dtype.name}. Received: {entry.size} bytes"
        )

    def read():
        if not readable:  # texts have lengths of their own
            raise InputError(f"unreadable tensor {name:.80} of {dtype.name}: {data}")
        try:
            # TensorFlow compares the tensor with its checksum.
            return np.asarray(reader().get_tensor(name))
        except (tf.errors.OpError, ValueError, LookupError, TypeError) as error:
            raise InputError(f"damaged checkpoint: {data}, {name:.80}") from error

    return SourceTensor(entry.shape, dtype.name, read)
