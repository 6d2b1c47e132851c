"""The tf.data pipeline from record shards to normalised, mirrored batches."""

from pathlib import Path

import tensorflow as tf

from tf_sphereface.data.records import parse_record, read_manifest, shard_paths
from tf_sphereface.preprocessing import PixelContract, mirror


def training_batches(
    records: Path,
    batch_size: int,
    *,
    contract: PixelContract,
    seed: int,
    mirrored: bool = True,
    shuffle_buffer: int = 20_000,
) -> tf.data.Dataset:
    """Endless shuffled training batches; the same seed gives the same batches.

    Args:
        records: Folder that `write_records` made.
        batch_size: Faces in a batch, over all devices; every batch is full.
        contract: What the network expects of pixels.
        seed: Order of shards and faces, and which faces are mirrored.
        mirrored: Mirror each face with probability 1/2.
        shuffle_buffer: Encoded faces held in memory for shuffling.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,).
    Raises: InputError if the records are damaged.
    """
    manifest = read_manifest(records)
    paths = [str(path) for path in shard_paths(records)]
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    dataset = dataset.shuffle(len(paths), seed=seed).interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(8, len(paths)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    dataset = dataset.shuffle(min(shuffle_buffer, manifest.records), seed=seed)
    dataset = normalized_faces(
        dataset.repeat(), contract=contract, seed=seed, mirrored=mirrored
    )
    return dataset.batch(batch_size, drop_remainder=True).prefetch(2)


def normalized_faces(
    records: tf.data.Dataset, *, contract: PixelContract, seed: int, mirrored: bool
) -> tf.data.Dataset:
    """Decodes, mirrors and normalises records, in parallel and in order.

    Args:
        records: Dataset of serialized records, string scalars.
        contract: What the network expects of pixels.
        seed: Which faces are mirrored; the number of a face in the dataset decides too.
        mirrored: Mirror each face with probability 1/2.

    Returns: Dataset of float32 (height, width, 3) in the contract's units and int32
        labels.
    """

    def prepare(serialized, number):
        encoded, label = parse_record(serialized)
        face = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        face = tf.cast(face, tf.float32)
        if mirrored:
            coin = tf.random.stateless_uniform((), seed=tf.stack([seed, number]))
            face = tf.cond(coin < 0.5, lambda: mirror(face), lambda: face)
        face = tf.ensure_shape(face, (contract.height, contract.width, 3))
        return contract.normalize(face), tf.cast(label, tf.int32)

    numbered = tf.data.Dataset.zip(records, tf.data.Dataset.counter())
    return numbered.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
