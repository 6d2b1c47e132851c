"""Training that begins with a network that is trained already."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from tf_sphereface.backbones import Backbone
from tf_sphereface.data.batches.pipeline import face_batches
from tf_sphereface.data.records.manifest import read_manifest, shard_paths
from tf_sphereface.embedding_models import load_embedding_model
from tf_sphereface.errors import InputError
from tf_sphereface.progress import LogLines

_FACES_TOGETHER = 64


def initial_backbone(path: Path, frozen_stages: int = 0) -> Backbone:
    """The network of a file, in the precision that Keras is set to.

    Args:
        path: `.keras` file of a backbone, or of a FaceClassifier, whose head is
            dropped.
        frozen_stages: As in `Backbone`.

    Raises: InputError if the file is unusable, its network is not one of ours, or has
        fewer stages.
    """
    saved = load_embedding_model(path)
    if not isinstance(saved, Backbone):
        raise InputError(
            f"fine-tuning needs a backbone of this library: {path} holds a "
            f"{type(saved).__name__}; `sphereface import-weights` takes weights of "
            "elsewhere"
        )
    # One that was saved with `trainable` off would let nothing learn but the head.
    config = {**saved.get_config(), "dtype": None, "trainable": True}
    # What keras.applications would fetch is in the file.
    backbone = type(saved).from_config(
        config | {"frozen_stages": 0, "frozen_layers": None}
    )
    backbone.set_weights(saved.get_weights())
    try:
        backbone.frozen_stages = frozen_stages
    except ValueError as error:
        raise InputError(f"[fine_tuning] {error}") from error
    return backbone


def class_means(backbone: Backbone, records: Path) -> np.ndarray:
    """Mean direction of the embeddings of each identity.

    Args:
        backbone: The network as it begins.
        records: Folder of record shards; each face is embedded once, not mirrored.

    Returns: Float32 (identities, embedding_dim): means of L2-normalised embeddings,
        L2-normalised.
    Raises: InputError if the records are damaged, or an embedding is not finite.
    """
    manifest = read_manifest(records)
    dataset = tf.data.TFRecordDataset([str(path) for path in shard_paths(records)])
    batches = -(-manifest.records // _FACES_TOGETHER)
    # Batches are full: the last is filled up with faces that are not counted.
    dataset = face_batches(
        dataset.repeat().take(batches * _FACES_TOGETHER),
        _FACES_TOGETHER,
        contract=backbone.pixel_contract,
        seed=0,
        mirrored=False,
    )
    embed = tf.function(lambda images: backbone(images, training=False))
    sums = np.zeros((len(manifest.identities), backbone.output_shape[1]))
    left, console = manifest.records, Console(stderr=True)
    lines = LogLines("class means", "faces")
    for images, labels in track(
        dataset,
        "class means",
        batches,
        console=console,
        disable=not console.is_terminal,
    ):
        embeddings = unit_rows(np.asarray(embed(images), np.float64)[:left])
        np.add.at(sums, labels.numpy()[:left], embeddings)
        left -= len(embeddings)
        if not console.is_terminal:
            lines.report(manifest.records - left, manifest.records)
    if not np.isfinite(sums).all():
        raise InputError(
            "the initial weights give embeddings that are not finite, in "
            f"{backbone.dtype_policy.name}: look at the file, or set "
            'schedule.precision to "float32"'
        )
    return unit_rows(sums).astype(np.float32)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; one of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
