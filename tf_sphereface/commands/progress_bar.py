"""The progress bar of the commands: on stderr, gone when the work is done."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich import progress
from rich.console import Console
from rich.text import Text


class _KnownBar(progress.BarColumn):
    """No bar while the total is unknown, where rich's own would pulse."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


class _KnownCount(progress.MofNCompleteColumn):
    """No count while the total is unknown, where rich's own says 0/?."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


@contextlib.contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function of the number done and the number to do.

    Until its first call there is the title alone: how much there is to do is not known.

    Example:
        with progress_bar("aligning", "photos") as report:
            report(10, 200)
    """
    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        _KnownBar(),
        _KnownCount(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        # Into a file it would print empty lines among the messages.
        disable=not console.is_terminal,
    )
    started = time.monotonic()
    with bar:
        task = bar.add_task(title, total=None, rate="")

        def report(done, total):
            rate = f"{done / max(time.monotonic() - started, 1e-3):.1f} {unit}/s"
            bar.update(task, completed=done, total=total, rate=rate)

        yield report
