"""The progress bar of the commands: on stderr, gone when the work is done."""

import contextlib
import datetime
import time
from collections import deque
from collections.abc import Callable, Iterator

from rich import progress
from rich.console import Console
from rich.text import Text

from tf_sphereface.progress import Progress

_WINDOW = 60.0  # s


class _KnownBar(progress.BarColumn):
    """No bar while the total is unknown, where rich's own would pulse."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


class _KnownCount(progress.MofNCompleteColumn):
    """No count while the total is unknown, where rich's own says 0/?."""

    def render(self, task):
        return Text() if task.total is None else super().render(task)


class Pace:
    """Rate of the work, by the reports of the last minute.

    The first report says where the work begins: neither what was done before it nor
    the time before it counts, so that a resumed run does not look faster than it is.

    Args:
        clock: Gives the time, s; None is the system's.
    """

    def __init__(self, clock: Callable[[], float] | None = None):
        self._clock = clock or time.monotonic
        self._reports = deque()

    def report(self, done: int) -> None:
        """Takes the number done by now."""
        now = self._clock()
        self._reports.append((now, done))
        while len(self._reports) > 2 and now - self._reports[1][0] >= _WINDOW:
            self._reports.popleft()

    def rate(self) -> float | None:
        """Number done a second; None while it is not known."""
        if not self._reports:
            return None
        (start, before), (end, after) = self._reports[0], self._reports[-1]
        return (after - before) / (end - start) if end > start else None

    def seconds_left(self, total: int) -> float | None:
        """Time to `total`, s; None while it is not known."""
        rate = self.rate()
        return (total - self._reports[-1][1]) / rate if rate else None


@contextlib.contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Progress]:
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
        progress.TextColumn("{task.fields[pace]}"),
        console=console,
        transient=True,
        # Into a file it would print empty lines among the messages.
        disable=not console.is_terminal,
    )
    pace = Pace()
    with bar:
        task = bar.add_task(title, total=None, pace="")

        def report(done, total):
            pace.report(done)
            text = _words(pace.rate(), pace.seconds_left(total), unit)
            bar.update(task, completed=done, total=total, pace=text)

        yield report


def _words(rate, seconds, unit):
    if rate is None:
        return f"- {unit}/s"
    if seconds is None:
        return f"{rate:.1f} {unit}/s"
    left = datetime.timedelta(seconds=round(seconds))
    return f"{rate:.1f} {unit}/s, {left} left"
