"""Progress of long work: the functions that it is reported to, pace, lines of logs."""

import datetime
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

# Called with the number done and the number to do.
Progress = Callable[[int, int], None]
# Of a title and a unit: shows the progress while the context is open.
ProgressBar = Callable[[str, str], AbstractContextManager[Progress]]

_WINDOW = 60.0  # s
_LINE_INTERVAL = 30.0  # s


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

    def words(self, total: int, unit: str) -> str:
        """Rate and time left, such as "12.5 photos/s, 0:01:10 left"."""
        rate, seconds = self.rate(), self.seconds_left(total)
        if rate is None:
            return f"- {unit}/s"
        if seconds is None:
            return f"{rate:.1f} {unit}/s"
        left = datetime.timedelta(seconds=round(seconds))
        return f"{rate:.1f} {unit}/s, {left} left"


class LogLines:
    """Progress for logs and other places that are no terminal: a line every 30 s.

    Args:
        title: Beginning of each line.
        unit: Name of the things that are counted.
        clock: Gives the time, s; None is the system's.
    """

    def __init__(self, title: str, unit: str, clock: Callable[[], float] | None = None):
        self._title, self._unit = title, unit
        self._clock = clock or time.monotonic
        self._pace, self._next = Pace(self._clock), None

    def report(self, done: int, total: int, figures: str = "") -> None:
        """Takes the numbers done and to do; prints a line on stderr if it is time to.

        Args:
            done: Number done by now.
            total: Number to do.
            figures: More to tell, at the end of the line.
        """
        self._pace.report(done)
        now = self._clock()
        if self._next is None:
            self._next = now + _LINE_INTERVAL
        if now < self._next or done >= total:
            return
        self._next = now + _LINE_INTERVAL
        line = f"{self._title}: {done:,} of {total:,}, "
        line += self._pace.words(total, self._unit)
        print(f"{line}  {figures}".rstrip(), file=sys.stderr, flush=True)
