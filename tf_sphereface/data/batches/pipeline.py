"""The tf.data pipeline from serialized records to normalised, mirrored batches."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tf_sphereface.data.batches.augmentation import keras_step
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.records.writer import parse_record
from tf_sphereface.preprocessing import PixelContract, mirror

# A Keras layer, or a function of float32 (batch, height, width, 3), RGB, 0..255, and of
# a seed, int64 (2,), that is another for each batch.
Augmentation = keras.layers.Layer | Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_DECODED_TOGETHER = 32


def face_batches(
    records: tf.data.Dataset,
    batch_size: int,
    *,
    contract: PixelContract,
    seed: int,
    mirrored: bool,
    augmentation: Augmentation | None = None,
    start: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Decodes records, mirrors, augments and normalises them, in parallel and in order.

    Args:
        records: Dataset of serialized records, string scalars.
        batch_size: Faces in a batch; a last one that is not full is dropped.
        contract: What the network expects of pixels.
        seed: Which faces are mirrored, and augmentation; the number of a batch decides
            too.
        mirrored: Mirror each face with probability 1/2.
        augmentation: Between mirror and normalisation: a function of (faces, seed), or
            any Keras or keras-cv preprocessing layer. Faces are float32 (batch_size,
            height, width, 3), RGB, 0..255; what comes back is clipped to that range. A
            layer keeps its own random state, so that its batches are taken one after
            another; they are the same again if a new layer with the same seed is, and
            if it uses that seed (some of keras-cv's do not).
        start: Number of the first batch.
        share: The part of each batch that `records` and `batch_size` are of.

    Returns: Dataset of float32 (batch_size, height, width, 3) in the contract's units
        and int32 labels (batch_size,).
    """
    shape = (contract.height, contract.width, 3)

    # tf.data's own work for an element is a sixth of decoding it: several go in one.
    together = _largest_divisor(batch_size, _DECODED_TOGETHER)

    def decode(serialized):
        faces, labels = [], []
        for record in tf.unstack(serialized, together):
            encoded, label = parse_record(record)
            # The same kernel for JPEG and PNG, without decode_image's branches.
            faces.append(tf.ensure_shape(tf.io.decode_jpeg(encoded, channels=3), shape))
            labels.append(tf.cast(label, tf.int32))
        return tf.stack(faces), tf.stack(labels)

    # Compiled, one pass over the pixels of a batch instead of four.
    @tf.function(jit_compile=True)
    def to_mirrored(faces, coins):
        faces = tf.cast(faces, tf.float32)
        if not mirrored:
            return faces
        return tf.where(coins[:, None, None, None] < 0.5, mirror(faces), faces)

    @tf.function(jit_compile=True)
    def to_normalized(faces):
        return contract.normalize(tf.clip_by_value(faces, 0.0, 255.0))

    @tf.function(jit_compile=True)
    def to_mirrored_and_normalized(faces, coins):
        return contract.normalize(to_mirrored(faces, coins))

    def prepare(number, batch):
        faces = tf.reshape(batch[0], (batch_size, *shape))
        labels = tf.reshape(batch[1], (batch_size,))
        pair = tf.stack([tf.constant(seed, tf.int64), number])
        coins = tf.random.stateless_uniform((batch_size * share.count,), seed=pair)
        coins = share.of(coins)
        if share.count > 1:  # the others' faces are not to be changed alike
            pair = tf.random.fold_in(pair, tf.constant(share.index, tf.int64))
        if augmentation is None:
            return to_mirrored_and_normalized(faces, coins), labels
        faces = augment(to_mirrored(faces, coins), pair)
        return to_normalized(tf.ensure_shape(faces, (batch_size, *shape))), labels

    parallel = tf.data.AUTOTUNE
    augment = augmentation
    if isinstance(augmentation, keras.layers.Layer):
        augment, parallel = keras_step(augmentation), None
    dataset = records.batch(together, drop_remainder=True)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size // together, drop_remainder=True)
    dataset = dataset.enumerate(start)
    return dataset.map(prepare, num_parallel_calls=parallel).prefetch(2)


def _largest_divisor(number: int, most: int) -> int:
    """The largest divisor that is not above `most`."""
    return next(part for part in range(min(number, most), 0, -1) if number % part == 0)
