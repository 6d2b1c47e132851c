"""Worker processes for `align_photos`, with a bounded queue of batches."""

import concurrent.futures
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from tf_sphereface.data.aligned.manifest import ManifestRow
from tf_sphereface.data.alignment.batches import batches_of
from tf_sphereface.data.alignment.photo_aligner import (
    AlignmentItem,
    AlignmentTask,
    PhotoAligner,
)
from tf_sphereface.data.workers import (
    ENDED,
    SPAWN,
    interrupts_held_back,
    live_as_worker,
)
from tf_sphereface.errors import InputError

_PHOTOS_PER_PROCESS = 8  # fewer are done before a process has started
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
    batches = batches_of(task.choice, items)
    processes = min(processes, -(-count // _PHOTOS_PER_PROCESS))
    if processes > 1:
        yield from _in_pool(task, batches, processes)
    elif count:
        aligner = PhotoAligner(task)
        for batch in batches:
            yield aligner.align_batch(batch)


def _in_pool(task, batches, processes):
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        mp_context=SPAWN,
        initializer=start_worker,
        initargs=(task,),
    )
    try:
        waiting = set()
        while True:
            for batch in itertools.islice(
                batches, processes * _BATCHES_PER_PROCESS - len(waiting)
            ):
                with interrupts_held_back():
                    future = pool.submit(align_in_worker, batch)
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
            f"{ENDED}; try fewer --processes. The photos done so far are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_aligner = None


def start_worker(task: AlignmentTask) -> None:
    """Prepares a worker process and its aligner."""
    global _aligner
    live_as_worker()
    _aligner = PhotoAligner(task)


def align_in_worker(batch: list[AlignmentItem]) -> list[ManifestRow]:
    """`PhotoAligner.align_batch` with the aligner of this process."""
    return _aligner.align_batch(batch)
