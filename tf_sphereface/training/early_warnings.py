"""Known failures of a training, said in words from its figures."""

import math
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tf_sphereface.data.records.index import RecordReader
from tf_sphereface.data.records.writer import parse_record

_STILL = 0.97  # of the loss of guessing
_MAY_GUESS = 0.2  # accuracy: the plain logits of a network that is stuck learn a little
_FALLEN = 0.7  # of the best accuracy
_LEARNT = 0.1  # accuracy before a fall of it says something
_FELL_FOR = 3  # epochs of verification
_LOOKED_AT, _MOST, _FEWEST_PEOPLE = 64, 0.8, 10  # crops, share of them


def early_warnings(rows: Sequence[Mapping], num_classes: int) -> list[str]:
    """Sentences on what goes wrong; none if nothing is seen.

    Args:
        rows: Of `history.csv`, the last epoch last.
        num_classes: Number of identities.
    """
    return list(_warnings_by_kind(rows, num_classes).values())


def _warnings_by_kind(rows, num_classes):
    curves = {}
    for name in ("loss", "accuracy", "lambda", "verification_accuracy"):
        values = [row.get(name) for row in rows]
        if rows and all(value not in (None, "") for value in values):
            curves[name] = [float(value) for value in values]
    found = {
        "guessing": _stays_at_guessing(curves, num_classes),
        "lambda": _falls_with_lambda(curves),
        "by heart": _knows_by_heart(curves),
    }
    return {kind: sentence for kind, sentence in found.items() if sentence}


def _stays_at_guessing(curves, num_classes):
    guess = math.log(num_classes)
    if not {"lambda", "loss", "accuracy"} <= curves.keys() or len(curves["loss"]) < 2:
        return None
    lambdas, losses = curves["lambda"], curves["loss"]
    if lambdas[-1] != lambdas[-2]:
        return None  # before the floor of lambda nothing is lost
    if losses[-1] < _STILL * guess or curves["accuracy"][-1] >= _MAY_GUESS:
        return None
    return (
        f"the loss, {losses[-1]:.2f}, is that of guessing among {num_classes:,} people "
        f"({guess:.2f}) and lambda is at its floor: let it fall more slowly, with a "
        "smaller head.annealing.gamma, or begin with a smaller margin"
    )


def _falls_with_lambda(curves):
    accuracies, lambdas = curves.get("accuracy"), curves.get("lambda")
    if not accuracies or not lambdas:
        return None
    best = int(np.argmax(accuracies))
    fallen = accuracies[-1] < _FALLEN * accuracies[best]
    if accuracies[best] < _LEARNT or not fallen or lambdas[-1] >= lambdas[best]:
        return None
    return (
        f"the accuracy fell from {accuracies[best]:.1%} to {accuracies[-1]:.1%} while "
        f"lambda fell from {lambdas[best]:.3g} to {lambdas[-1]:.3g}: the margin comes "
        "in too fast; let lambda fall more slowly, or to a higher floor"
    )


def _knows_by_heart(curves):
    verified = curves.get("verification_accuracy", [])[-_FELL_FOR - 1 :]
    accuracies = curves.get("accuracy", [])[-_FELL_FOR - 1 :]
    if len(verified) <= _FELL_FOR or len(accuracies) < len(verified):
        return None
    if (np.diff(verified) < 0).all() and (np.diff(accuracies) > 0).all():
        return (
            f"verification fell for {_FELL_FOR} epochs while the training accuracy "
            "rose: the network learns its people by heart; more people, or fewer steps"
        )
    return None


def colour_warning(reader: RecordReader) -> str | None:
    """A sentence if the crops in records look as if red and blue were exchanged.

    Args:
        reader: Of the records; 64 of them are decoded.
    """
    index = reader.index
    if len(np.unique(index.labels)) < _FEWEST_PEOPLE:
        return None  # a person or a lamp may be blue
    count = len(index.labels)
    chosen = np.random.default_rng(0).permutation(count)[:_LOOKED_AT]
    bluer = 0
    for content in reader.read(chosen):
        pixels = tf.io.decode_jpeg(parse_record(content)[0], channels=3).numpy()
        red, _, blue = pixels.mean(axis=(0, 1))
        bluer += blue > red
    if bluer < _MOST * len(chosen):
        return None
    return (
        f"{bluer} of {len(chosen)} crops are more blue than red, as faces are with red "
        "and blue exchanged (BGR): look at them, and align photos that are RGB"
    )


class EarlyWarnings(keras.callbacks.Callback):
    """Tells of each known failure once, at the end of an epoch.

    Args:
        rows: Of the history, which `History` makes longer before.
        num_classes: Number of identities.
        tell: Takes a sentence.
    """

    def __init__(self, rows: list, num_classes: int, tell: Callable[[str], None]):
        super().__init__()
        self.rows, self.num_classes, self.tell = rows, num_classes, tell
        self._told = set()

    def on_epoch_end(self, epoch, logs=None):
        found = _warnings_by_kind(self.rows, self.num_classes)
        for kind, sentence in found.items():
            if kind not in self._told:
                self._told.add(kind)
                self.tell(sentence)
