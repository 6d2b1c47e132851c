"""Index of the records in their shards, so that single records can be read."""

import dataclasses
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_sphereface.data.records.frames import checksum_bytes, find_damage
from tf_sphereface.data.records.writer import parse_record, shard_paths
from tf_sphereface.errors import InputError

# A TFRecord is its length (8 bytes), a checksum (4), the content and a checksum (4).
_BEFORE, _AFTER = 12, 4
_RECORDS_AT_A_TIME = 1024
_PARALLEL_READS = 4  # batches


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """Label and place of every record of a folder, in the order of the shards.

    Args:
        paths: The shard files.
        labels: int32 (records,).
        shards: int32 (records,), index into `paths`.
        offsets: int64 (records,), first byte of the content in its shard.
        lengths: int64 (records,), bytes of the content.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    shards: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray

    def records_by_label(self) -> dict[int, np.ndarray]:
        """Numbers of the records of each label, labels ascending: int64 arrays."""
        order = np.argsort(self.labels, kind="stable")
        labels, starts = np.unique(self.labels[order], return_index=True)
        parts = np.split(order, starts[1:])
        return dict(zip(labels.tolist(), parts, strict=True))


def index_records(records: Path) -> RecordIndex:
    """Reads every shard once, without decoding images.

    Raises: InputError if the folder is no record folder or a shard is damaged.
    """
    paths = shard_paths(records)
    labels, lengths, offsets = [], [], []
    for path in paths:
        shard_labels, shard_lengths = _labels_and_lengths(path)
        ends = np.cumsum(shard_lengths + _BEFORE + _AFTER)
        labels.append(shard_labels)
        lengths.append(shard_lengths)
        offsets.append(ends - shard_lengths - _AFTER)
    counts = [len(part) for part in labels]
    return RecordIndex(
        paths=tuple(paths),
        labels=np.concatenate(labels).astype(np.int32),
        shards=np.repeat(np.arange(len(paths), dtype=np.int32), counts),
        offsets=np.concatenate(offsets),
        lengths=np.concatenate(lengths),
    )


def _labels_and_lengths(path):
    dataset = tf.data.TFRecordDataset(str(path), buffer_size=1 << 20).map(
        lambda serialized: (parse_record(serialized)[1], tf.strings.length(serialized)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    try:
        parts = list(dataset.batch(_RECORDS_AT_A_TIME).as_numpy_iterator())
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        find_damage(path)  # says where
        raise InputError(f"damaged shard: {path}: no record of faces") from error
    labels = np.concatenate([part[0] for part in parts])
    return labels, np.concatenate([part[1] for part in parts]).astype(np.int64)


class RecordReader:
    """Reads single records by their number in an index; safe in many threads.

    Args:
        index: Of the records.
    """

    def __init__(self, index: RecordIndex):
        self.index = index
        binary = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        # Open from now on: shards that are removed meanwhile can still be read.
        self._files = [os.open(path, binary) for path in index.paths]
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._files)

    def read(self, numbers: np.ndarray) -> np.ndarray:
        """Serialized records, bytes objects (n,), of int64 numbers (n,).

        Raises: InputError if a shard has become shorter or a record was changed.
        """
        # Not an array of dtype S, which would cut zero bytes off the end.
        contents = np.empty(len(numbers), object)
        for place, number in enumerate(numbers):
            contents[place] = self._read_one(number)
        return contents

    def sources(self, numbers: np.ndarray) -> list[str]:
        """Names "IDENTITY/FILE" of the crops of records, by their numbers (n,)."""
        names = []
        for content in self.read(numbers):
            features = tf.train.Example.FromString(content).features.feature
            (name,) = features["image/source"].bytes_list.value or (b"unknown",)
            names.append(name.decode(errors="replace"))
        return names

    def _read_one(self, number):
        shard, length = self.index.shards[number], int(self.index.lengths[number])
        offset, path = int(self.index.offsets[number]), self.index.paths[shard]
        framed = self._pread(self._files[shard], length + _AFTER, offset)
        if len(framed) < length + _AFTER:
            raise InputError(f"truncated shard: {path}, byte {offset}")
        content = framed[:length]
        if framed[length:] != checksum_bytes(content):
            raise InputError(
                f"damaged shard: {path}, byte {offset}: a record of {length} bytes "
                "does not match its checksum"
            )
        return content

    def _pread(self, file, length, offset):
        if hasattr(os, "pread"):
            return os.pread(file, length, offset)
        with self._lock:  # Windows
            os.lseek(file, offset, os.SEEK_SET)
            return os.read(file, length)


def records_in_order(
    reader: RecordReader, numbers: Callable[[], Iterator[np.ndarray]], size: int
) -> tf.data.Dataset:
    """Dataset of serialized records, string scalars, in an order of one's own.

    Args:
        reader: Of the records.
        numbers: Gives record numbers, int64 (size,) each time.
        size: How many are read at a time.
    """

    def read(batch):
        contents = tf.numpy_function(reader.read, [batch], tf.string, stateful=False)
        return tf.ensure_shape(contents, (size,))

    dataset = tf.data.Dataset.from_generator(
        numbers, output_signature=tf.TensorSpec((size,), tf.int64)
    )
    return dataset.map(read, num_parallel_calls=_PARALLEL_READS).unbatch()


def _close(files):
    for file in files:
        os.close(file)
