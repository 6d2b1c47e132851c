"""Worker processes: one thread each, deaf to Ctrl-C, and gone with their parent."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

import cv2

ENDED = "a worker process was ended from outside, perhaps for lack of memory"
# A forked copy of a process with threads, as OpenCV has, can hang.
SPAWN = multiprocessing.get_context("spawn")


def live_as_worker() -> None:
    """Prepares a worker process; the initializer of a pool.

    Ctrl-C is for the parent. A parent that is killed cannot end its workers: they would
    write what they have begun, and wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)


def _exit_after(parent):
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Worker processes that start in the block never see Ctrl-C.

    It is for the process that started them: they would fill the screen with their
    tracebacks while they import what they need.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
