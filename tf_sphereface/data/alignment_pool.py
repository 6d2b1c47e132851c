"""Worker processes for `align_photos`, with a bounded queue of batches."""

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from tf_sphereface.data import alignment_worker
from tf_sphereface.data.alignment_manifest import ManifestRow
from tf_sphereface.data.photo_aligner import (
    AlignmentItem,
    AlignmentTask,
    PhotoAligner,
)
from tf_sphereface.errors import InputError

_PHOTOS_PER_BATCH = 8
_BATCHES_PER_PROCESS = 3  # submitted ahead, so that no process waits


def align_in_processes(
    task: AlignmentTask, items: Iterable[AlignmentItem], count: int, processes: int
) -> Iterator[list[ManifestRow]]:
    """Aligns photos and gives the rows of each batch as it is done, in any order.

    Args:
        task: How to align them.
        items: The photos; taken as they are needed.
        count: Number of photos.
        processes: Number of worker processes; 1 works in the calling process.

    Raises: OSError if a crop cannot be written; InputError if a worker is killed.
    """
    batches = _in_batches(iter(items))
    processes = min(processes, -(-count // _PHOTOS_PER_BATCH))
    if processes > 1:
        yield from _in_pool(task, batches, processes)
    elif count:
        aligner = PhotoAligner(task)
        for batch in batches:
            yield aligner.align_batch(batch)


def _in_batches(items):
    while batch := list(itertools.islice(items, _PHOTOS_PER_BATCH)):
        yield batch


def _in_pool(task, batches, processes):
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        # A forked copy of a process with threads, as OpenCV has, can hang.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=alignment_worker.start_worker,
        initargs=(task,),
    )
    try:
        waiting = set()
        while True:
            for batch in itertools.islice(
                batches, processes * _BATCHES_PER_PROCESS - len(waiting)
            ):
                with _interrupts_held_back():
                    future = pool.submit(alignment_worker.align_in_worker, batch)
                waiting.add(future)
            if not waiting:
                return
            done, waiting = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process was ended from outside, perhaps for lack of memory; "
            "try fewer --processes. The photos done so far are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held_back():
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
