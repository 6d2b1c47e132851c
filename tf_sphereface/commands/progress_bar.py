"""The progress bar of the commands: on stderr, gone when the work is done."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich import progress
from rich.console import Console


@contextlib.contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function of the number done and the number to do.

    Example:
        with progress_bar("aligning", "photos") as report:
            report(10, 200)
    """
    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
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
