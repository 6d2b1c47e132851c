"""Angles between embeddings and class weights, and norms, of crops of a training."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.data.batches.shuffled import shuffled_order_of
from tf_sphereface.data.records.index import RecordReader
from tf_sphereface.face_classifier import FaceClassifier

_CROPS = 128


@dataclasses.dataclass(frozen=True)
class ClassAngles:
    """Angles of a batch to class weights, without margin.

    Args:
        target: Radians between embedding and the weights of its class, (batch,).
        nearest: Radians to the nearest weights of another class, (batch,).
        norms: L2 norm of the embeddings, (batch,).
    """

    target: np.ndarray
    nearest: np.ndarray
    norms: np.ndarray


def class_angles(
    classifier: FaceClassifier, faces: np.ndarray, labels: np.ndarray
) -> ClassAngles:
    """Angles and norms of a batch.

    Args:
        classifier: With a head.
        faces: Float (batch, height, width, 3) in the pixel contract's units.
        labels: Integer (batch,).
    """
    to_numpy = keras.ops.convert_to_numpy
    embeddings = classifier.backbone(faces, training=False)
    embeddings = keras.ops.cast(embeddings, classifier.head.compute_dtype)
    labels, images = np.asarray(labels), np.arange(len(faces))
    target, nearest = np.full((2, len(faces)), -np.inf)
    for first, kernel in classifier.kernel_blocks():
        cosines = np.array(to_numpy(classifier.head.cosines(embeddings, kernel)))
        here = (labels >= first) & (labels < first + cosines.shape[1])
        places = images[here], labels[here] - first
        target[here] = cosines[places]
        cosines[places] = -np.inf
        nearest = np.maximum(nearest, cosines.max(axis=1))
    return ClassAngles(
        target=np.arccos(np.clip(target, -1.0, 1.0)),
        nearest=np.arccos(np.clip(nearest, -1.0, 1.0)),
        norms=np.linalg.norm(to_numpy(embeddings), axis=1),
    )


class AngleLogs(keras.callbacks.Callback):
    """Adds mean angles and norms of the same crops after each epoch to the logs.

    TensorBoard gets their histograms. The crops are 128 of the training, not mirrored.
    Must come before the callbacks that write the logs.

    Args:
        reader: Of the records.
        folder: TensorBoard's, of these histograms alone.
    """

    def __init__(self, reader: RecordReader, folder: Path):
        super().__init__()
        self.reader, self.folder = reader, folder
        self._batch = self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        if self._batch is None:
            self._batch = self._crops()
            self._writer = tf.summary.create_file_writer(str(self.folder))
        angles = class_angles(self.model, *self._batch)
        logs["target_angle"] = float(angles.target.mean())
        logs["nearest_angle"] = float(angles.nearest.mean())
        logs["embedding_norm"] = float(angles.norms.mean())
        with self._writer.as_default():
            for name, values in dataclasses.asdict(angles).items():
                tf.summary.histogram(f"angles/{name}", values, step=epoch)
        self._writer.flush()

    def _crops(self):
        count = min(_CROPS, len(self.reader.index.labels))
        order = shuffled_order_of(self.reader, count, seed=0)
        contract = self.model.backbone.pixel_contract
        batches = order.batches(contract=contract, mirrored=False)
        return next(batches.as_numpy_iterator())
