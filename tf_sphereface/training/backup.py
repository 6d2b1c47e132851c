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
from tf_sphereface.training.distribution.workers import Workers
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
        workers: Whose chief writes the file; all stop if one is to.

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
        workers: Workers | None = None,
    ):
        super().__init__()
        self.path, self.steps_per_epoch, self.every = path, steps_per_epoch, every
        self.step, self.stop, self.workers = step, stop, workers
        self.kept = step

    def on_epoch_begin(self, epoch, logs=None):
        if self.step % self.steps_per_epoch:  # Keras has just begun the sums anew
            restore_sums(self.model, self.path, self.workers)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if not self.step % self.steps_per_epoch:
            return  # the epoch's row of figures and its models come first
        stopping = self._stopping()
        if stopping or (self.every and not self.step % self.every):
            self._keep()
        if stopping:
            self.stop.raise_now(self.step)

    def on_epoch_end(self, epoch, logs=None):
        self._keep()
        if self._stopping():
            self.stop.raise_now(self.step)

    def _stopping(self):
        requested = self.stop is not None and self.stop.requested is not None
        return requested if self.workers is None else self.workers.any_of(requested)

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
        unsaved = _unsaved(self.model)  # all workers take part in reading the sums
        if self.workers is None or self.workers.chief:
            self._write(unsaved)
        self.kept = self.step

    def _write(self, unsaved):
        try:
            with replacing(self.path) as temporary:
                self.model.save_weights(temporary)
                _add_unsaved(temporary, unsaved, self.step)
        except OSError as error:
            code = error.errno or errno.EIO
            reason = f"{os.strerror(code)}; the run goes on from step {self.kept}"
            raise OSError(code, reason, str(self.path)) from error


def _random_states(model):
    """Variables of a model that Keras saves with no model."""
    saved = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in saved]


def _unsaved(model):
    """Values of what Keras saves with no model, by group of the file."""
    parts = {_RANDOM: _random_states(model), _SUMS: model.metrics_variables}
    return {name: _values(variables) for name, variables in parts.items()}


def _values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _add_unsaved(path, unsaved, step):
    with h5py.File(path, "a") as file:
        group = file.create_group(_GROUP)
        group.attrs[_STEP] = step
        for name, values in unsaved.items():
            for number, value in enumerate(values):
                group[f"{name}/{number}"] = value


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


def restore_sums(
    model: keras.Model, path: Path, workers: Workers | None = None
) -> None:
    """Loads the sums that a `Backup` file has of an epoch into the metrics.

    Args:
        model: Whose metrics have their variables.
        path: The file, which only the chief needs.
        workers: Those that train together; None: this process alone.

    Raises: InputError if the file is of another model.
    """
    variables = list(model.metrics_variables)
    if workers is None or workers.chief:
        with h5py.File(path, "r") as file:
            sums = _read(file[_GROUP], _SUMS, variables, path)
    else:
        sums = [np.zeros(v.shape, v.dtype) for v in variables]
    if workers is not None:
        sums = workers.from_chief(sums)
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


def take_state_of_chief(classifier: keras.Model, done: int, workers: Workers) -> int:
    """Gives all workers the chief's weights and optimizer: it alone reads a backup.

    Args:
        classifier: Compiled and built, and its optimizer too.
        done: Training steps done so far, in the chief.
        workers: Those that train together.

    Returns: The chief's `done`.
    """
    if not workers.several:
        return done
    variables = [*classifier.variables, *classifier.optimizer.variables]
    values = workers.from_chief([np.array(done), *_values(variables)])
    for variable, value in zip(variables, values[1:], strict=True):
        variable.assign(value)
    return int(values[0])


def _damaged(path):
    return InputError(f"damaged backup: {path}; delete it to begin the training again")
