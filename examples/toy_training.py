"""Trains the small network with one loss, and measures it once, at the end."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from angle_metrics import (
    PairAngles,
    inter_class_angle,
    intra_class_angle,
    pair_angles,
)
from digit_data import (
    DigitData,
    ShiftedBatches,
    network_input,
)
from tf_sphereface import FaceClassifier
from toy_losses import LOSSES
from toy_network import toy_network

BATCH_SIZE = 128
_EVALUATION_BATCH = 500


@dataclasses.dataclass(frozen=True)
class TrainedToy:
    """A trained network, seen through the test images.

    Attributes:
        loss: Name in `LOSSES`.
        dim: Size of the embedding.
        seed: Of weights, order and shifts.
        embeddings: float32 (test images, dim).
        labels: int32 (test images,).
        kernel: float32 (dim, classes), the class weights.
        test_accuracy: Share of test images whose largest margin-free logit is that of
            their class.
        pairs: Angles of all pairs of test images.
    """

    loss: str
    dim: int
    seed: int
    embeddings: np.ndarray
    labels: np.ndarray
    kernel: np.ndarray
    test_accuracy: float
    pairs: PairAngles

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the table; accuracy as a fraction, angles in degrees."""
        return {
            "test_accuracy": self.test_accuracy,
            "intra_class_angle": intra_class_angle(self.embeddings, self.labels),
            "inter_class_angle": inter_class_angle(self.embeddings, self.labels),
            "genuine_angle": self.pairs.genuine_mean,
            "impostor_angle": self.pairs.impostor_mean,
        }


def train_toy(
    data: DigitData,
    loss: str,
    dim: int,
    seed: int,
    *,
    epochs: int,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = 2e-3,
    precision: str = "float32",
    on_step: Callable[[], None] = lambda: None,
) -> TrainedToy:
    """Trains for a fixed number of epochs, then looks at the test images, once.

    The same seed gives all losses the same first weights, order and shifts. Adam; the
    learning rate rises over the first twentieth of the steps and falls to 0 as a half
    cosine; gradients are clipped to a global norm of 5. No test image, and no figure of
    one, reaches the training: there is no stopping early and no choice among epochs.

    Args:
        on_step: Called after each training step.

    Raises: ValueError if there are fewer training images than a batch has.
    """
    if len(data.train_images) < batch_size:
        raise ValueError(
            f"`batch_size` must be at most the {len(data.train_images)} training "
            f"images. Received: batch_size={batch_size}"
        )
    keras.utils.set_random_seed(seed)
    batches = ShiftedBatches(data, batch_size, seed)
    steps = epochs * len(batches)
    choice = LOSSES[loss]
    classifier = FaceClassifier(
        toy_network(data.train_images.shape[1:], dim, precision),
        choice.head(dim, steps * batch_size),
        metric_losses=choice.metric_losses(),
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=learning_rate, warmup_steps=max(1, steps // 20)
    )
    # Keras would compile with XLA, whose convolutions are slow on a CPU.
    classifier.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=5.0), jit_compile=False
    )
    report = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: on_step()
    )
    classifier.fit(batches, epochs=epochs, verbose=0, callbacks=[report])
    return _measured(classifier, data, loss, dim, seed)


def _measured(classifier, data, loss, dim, seed):
    embeddings = np.concatenate(
        [
            keras.ops.convert_to_numpy(classifier.backbone(network_input(part)))
            for part in _parts(data.test_images)
        ]
    )
    logits = keras.ops.convert_to_numpy(classifier.head(embeddings))
    hits = logits.argmax(axis=1) == data.test_labels
    return TrainedToy(
        loss=loss,
        dim=dim,
        seed=seed,
        embeddings=embeddings,
        labels=data.test_labels,
        kernel=keras.ops.convert_to_numpy(classifier.head.kernel),
        test_accuracy=float(hits.mean()),
        pairs=pair_angles(embeddings, data.test_labels),
    )


def _parts(images):
    return np.split(images, range(_EVALUATION_BATCH, len(images), _EVALUATION_BATCH))
