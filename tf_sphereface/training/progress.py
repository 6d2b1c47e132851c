"""The progress of a training on stderr, where no program reads results."""

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from tf_sphereface.progress import LogLines


class TrainingProgress(keras.callbacks.Callback):
    """Shows steps, time left, loss and margin-free accuracy.

    A bar on a terminal; elsewhere a line every 30 s.

    Args:
        total_steps: Steps of the whole training.
        initial_step: Steps done before this process started.
    """

    def __init__(self, total_steps: int, initial_step: int = 0):
        super().__init__()
        self.step, self.total = initial_step, total_steps
        self._lines = LogLines("train", "steps")
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("train"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "train", total=total_steps, completed=initial_step, figures=""
        )

    def on_train_begin(self, logs=None):
        self._bar.start()
        if self._bar.disable:
            self._lines.report(self.step, self.total)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self._bar.disable:
            self._lines.report(self.step, self.total, _figures(logs))
        else:
            self._bar.update(self._task, completed=self.step, figures=_figures(logs))

    def on_epoch_end(self, epoch, logs=None):
        self._bar.console.print(f"epoch {epoch + 1}: {_figures(logs)}", highlight=False)

    def on_train_end(self, logs=None):
        self._bar.stop()


def _figures(logs) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
