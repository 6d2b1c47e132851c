"""The progress of the commands on stderr: a bar on a terminal, else a line at times."""

import contextlib
from collections.abc import Iterator

from rich import progress
from rich.console import Console
from rich.text import Text

from tf_sphereface.progress import LogLines, Pace, Progress


class _KnownBar(progress.BarColumn):
    """No bar while the total is unknown, where rich's own would pulse."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


class _KnownCount(progress.MofNCompleteColumn):
    """No count while the total is unknown, where rich's own says 0/?."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


@contextlib.contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Progress]:
    """Gives a function of the number done and the number to do.

    Until its first call there is the title alone: how much there is to do is not known.
    Where there is no terminal, long work prints a line every 30 s.

    Example:
        with progress_bar("aligning", "photos") as report:
            report(10, 200)
    """
    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        _KnownBar(),
        _KnownCount(),
        progress.TextColumn("{task.fields[pace]}"),
        console=console,
        transient=True,
        # Into a file it would print empty lines among the messages.
        disable=not console.is_terminal,
    )
    pace, lines = Pace(), LogLines(title, unit)
    with bar:
        task = bar.add_task(title, total=None, pace="")

        def report(done, total):
            if not console.is_terminal:
                lines.report(done, total)
                return
            pace.report(done)
            bar.update(task, completed=done, total=total, pace=pace.words(total, unit))

        yield report
