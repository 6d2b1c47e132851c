"""A backup from which a run goes on in the step where it was left."""

import errno
import os
from pathlib import Path

import h5py
import keras
import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.training.stop_requests import StopRequests

_GROUP, _STEP, _RANDOM, _SUMS = "tf_sphereface", "step", "random", "sums"


class Backup(keras.callbacks.Callback):
    """Keeps all that decides how a training goes on, in one file.

    That is the weights, the optimizer's state, the head's counter, the states of random
    generators, the sums of the epoch's metrics, and the number of steps, which is the
    position in the data as well.

    Args:
        path: The file; the one before stays until the new one is whole.
        steps_per_epoch: Of the training.
        step: Steps done before.
        every: Steps between backups; at the end of an epoch there is one anyway.
        stop: Asked after each step; a run that is to stop keeps a backup first.

    Raises: FloatingPointError, and keeps the last backup, if a weight is not finite;
        OSError if the file cannot be written; KeyboardInterrupt or SystemExit as
        `StopRequests`.
    """

    def __init__(
        self,
        path: Path,
        steps_per_epoch: int,
        step: int = 0,
        every: int | None = None,
        stop: StopRequests | None = None,
    ):
        super().__init__()
        self.path, self.steps_per_epoch, self.every = path, steps_per_epoch, every
        self.step, self.stop = step, stop
        self.kept = step

    def on_epoch_begin(self, epoch, logs=None):
        if self.step % self.steps_per_epoch:  # Keras has just begun the sums anew
            restore_sums(self.model, self.path)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if not self.step % self.steps_per_epoch:
            return  # the epoch's row of figures and its models come first
        stopping = self.stop is not None and self.stop.requested
        if stopping or (self.every and not self.step % self.every):
            self._keep()
        if stopping:
            self.stop.raise_now(self.step)

    def on_epoch_end(self, epoch, logs=None):
        self._keep()
        if self.stop is not None and self.stop.requested:
            self.stop.raise_now(self.step)

    def _keep(self):
        optimizer = self.model.optimizer.variables
        # Of a divided head, which Keras does not list.
        shares = getattr(self.model, "share_variables", ())
        for variable in (*self.model.variables, *optimizer, *shares):
            value = keras.ops.convert_to_numpy(variable)
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                name = getattr(variable, "path", variable.name)
                raise FloatingPointError(
                    f"{name} is no longer finite at step {self.step}; the "
                    f"backup of step {self.kept} is kept: lower the learning rate, or "
                    "set optimizer.gradient_norm"
                )
        try:
            with replacing(self.path) as temporary:
                self.model.save_weights(temporary)
                _add_unsaved(self.model, temporary, self.step)
        except OSError as error:
            code = error.errno or errno.EIO
            reason = f"{os.strerror(code)}; the run goes on from step {self.kept}"
            raise OSError(code, reason, str(self.path)) from error
        self.kept = self.step


def _random_states(model):
    """Variables of a model that Keras saves with no model."""
    saved = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in saved]


def _add_unsaved(model, path, step):
    with h5py.File(path, "a") as file:
        group = file.create_group(_GROUP)
        group.attrs[_STEP] = step
        _write(group, _RANDOM, _random_states(model))
        _write(group, _SUMS, model.metrics_variables)


def _write(group, name, variables):
    for number, variable in enumerate(variables):
        group[f"{name}/{number}"] = keras.ops.convert_to_numpy(variable)


def _read(group, name, variables, path):
    """Values of the variables; an InputError if they are those of other ones."""
    numbers = sorted(group.get(name, {}), key=int)
    values = [np.asarray(group[name][number]) for number in numbers]
    shapes = [tuple(variable.shape) for variable in variables]
    if [value.shape for value in values] != shapes:
        raise _damaged(path)
    return values


def build_metrics(classifier: keras.Model, batch_size: int) -> None:
    """Lets Keras make the variables of all metrics, which it does in a first batch."""
    images = np.zeros((batch_size, *classifier.backbone.input_shape[1:]), np.float32)
    labels = np.zeros(batch_size, np.int32)
    classifier.evaluate(images, labels, batch_size=batch_size, verbose=0)


def restore_sums(model: keras.Model, path: Path) -> None:
    """Loads the sums that a `Backup` file has of an epoch into the metrics.

    Raises: InputError if the file is of another model.
    """
    variables = list(model.metrics_variables)
    with h5py.File(path, "r") as file:
        sums = _read(file[_GROUP], _SUMS, variables, path)
    for variable, earlier in zip(variables, sums, strict=True):
        variable.assign(earlier)


def restore_backup(classifier: keras.Model, path: Path) -> int:
    """Loads weights and optimizer of a `Backup` file into a compiled classifier.

    Returns: Training steps done so far; 0 if there is no file.
    Raises: InputError if the file is damaged.
    """
    if not path.exists():
        return 0
    classifier.optimizer.build(classifier.trainable_variables)
    try:
        check_keras_file(path)
        classifier.load_weights(path)
        with h5py.File(path, "r") as file:
            if _GROUP not in file:  # of an earlier version, at the end of an epoch
                return int(keras.ops.convert_to_numpy(classifier.optimizer.iterations))
            states = _random_states(classifier)
            values = _read(file[_GROUP], _RANDOM, states, path)
            for variable, value in zip(states, values, strict=True):
                variable.assign(value)
            return int(file[_GROUP].attrs[_STEP])
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path):
    return InputError(f"damaged backup: {path}; delete it to begin the training again")
