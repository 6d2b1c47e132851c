"""SIGINT and SIGTERM as requests to stop after the present step."""

import logging
import signal
import threading

_LOG = logging.getLogger(__name__)


class StopRequests:
    """While it is entered, a first SIGINT or SIGTERM is a request; a second stops.

    Outside the main thread, where Python allows no handlers, it does nothing.
    """

    def __init__(self):
        self.requested: signal.Signals | None = None
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.signal(number, self._request)
                self._before[number] = before or signal.SIG_DFL  # None: not Python's
        return self

    def __exit__(self, *_):
        while self._before:
            signal.signal(*self._before.popitem())

    def _request(self, number, frame):
        self.requested = signal.Signals(number)
        self.__exit__()  # of a second signal
        _LOG.warning(
            "%s: stops after this step, with a backup; once more stops at once",
            self.requested.name,
        )

    def raise_now(self, step: int) -> None:
        """Ends the training as the signal would have.

        Raises: KeyboardInterrupt after SIGINT; SystemExit with 128 + 15, as shells
            report it, after SIGTERM.
        """
        _LOG.warning("stopped at step %d; the same command goes on from there", step)
        if self.requested is signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signal.SIGTERM)
