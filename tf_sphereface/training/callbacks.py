"""Callbacks of a training: logs, the best model, an end where the loss is lost."""

import csv
import io
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import keras

from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, write_atomically
from tf_sphereface.training.averages import averaged_weights
from tf_sphereface.training.backup import Backup

Validation = Callable[[keras.Model], dict[str, float]]


class ExtraLogs(keras.callbacks.Callback):
    """Adds lambda, the learning rate and the validation's figures to the logs.

    Args:
        validate: Given the backbone, returns figures to log; or None.

    Must come before the callbacks that write the logs.
    """

    def __init__(self, validate: Validation | None = None):
        super().__init__()
        self.validate = validate

    def on_epoch_end(self, epoch, logs=None):
        rate = self.model.optimizer.learning_rate
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(rate))
        annealing_lambda = getattr(self.model.head, "annealing_lambda", None)
        if annealing_lambda is not None:
            logs["lambda"] = float(keras.ops.convert_to_numpy(annealing_lambda()))
        if self.validate is not None:
            with averaged_weights(self.model):
                logs.update(self.validate(self.model.backbone))


class History(keras.callbacks.Callback):
    """Writes `history.csv`, one row an epoch; a resumed run replaces later rows."""

    def __init__(self, path: Path, initial_epoch: int):
        super().__init__()
        self.path = path
        self.rows = [
            row for row in read_history(path) if int(row["epoch"]) <= initial_epoch
        ]

    def on_epoch_end(self, epoch, logs=None):
        figures = {name: _rounded(value) for name, value in (logs or {}).items()}
        self.rows.append({"epoch": epoch + 1, **figures})
        text = io.StringIO()
        fields = list(dict.fromkeys(field for row in self.rows for field in row))
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())


def _rounded(value) -> float:
    # float32 has no more digits; written out as float64 the rest is noise.
    return float(f"{float(value):.7g}")


def read_history(path: Path) -> list[dict[str, str]]:
    """Rows of a `history.csv`; none if there is no file.

    Raises: InputError if the file is damaged.
    """
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            int(row["epoch"])
            [float(value) for value in row.values() if value]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"damaged history: {path}; delete it, and the run resumes without it: the "
            "next epoch's model then counts as the best, so copy best.keras"
        ) from error
    return rows


class BestModel(keras.callbacks.Callback):
    """Saves the whole classifier whenever the monitored figure is the best so far.

    Args:
        path: `.keras` file.
        monitor: Name in the logs; of "loss" the lowest value is the best, of all else
            the highest.
        earlier: Values of the epochs before, when a run is resumed.
    """

    def __init__(self, path: Path, monitor: str, earlier: Iterable[float] = ()):
        super().__init__()
        self.path, self.monitor = path, monitor
        self.sign = -1.0 if monitor == "loss" else 1.0
        values = [self.sign * value for value in earlier if not math.isnan(value)]
        self.best = max(values, default=-math.inf)

    def on_epoch_end(self, epoch, logs=None):
        value = self.sign * float((logs or {}).get(self.monitor, math.nan))
        if value > self.best:
            self.best = value
            with averaged_weights(self.model), replacing(self.path) as temporary:
                self.model.save(temporary)


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends a training whose loss is no longer finite, and says where.

    Args:
        backup: Counts the steps; must come later among the callbacks.
        photos: Gives the names of the photos in a batch, by its number from 0.
        report: File for all of these names; None: not written.

    Raises: FloatingPointError.
    """

    SHOWN = 3

    def __init__(
        self, backup: Backup, photos: Callable[[int], list[str]], report: Path | None
    ):
        super().__init__()
        self.backup, self.photos, self.report = backup, photos, report

    def on_train_batch_end(self, batch, logs=None):
        if math.isfinite((logs or {}).get("loss", 0.0)):
            return
        step = self.backup.step + 1
        names = self.photos(step - 1)
        if self.report is not None:
            text = "".join(f"{name}\n" for name in names)
            write_atomically(self.report, text.encode())
        shown = ", ".join(names[: self.SHOWN])
        raise FloatingPointError(
            f"the loss is no longer finite at step {step}, a batch of {shown} and "
            f"others ({self.report or 'the chief'} has all {len(names)}); the backup "
            f"of step {self.backup.kept} is kept: lower the learning rate, set "
            "optimizer.gradient_norm, or let lambda fall more slowly"
        )
