"""Worker processes for `align_photos`, with a bounded queue of batches."""

import concurrent.futures
import dataclasses
import itertools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tf_sphereface.data import alignment_worker
from tf_sphereface.data.alignment_manifest import ManifestRow
from tf_sphereface.detection import MTCNNSettings, load_detector
from tf_sphereface.errors import InputError

_PHOTOS_PER_BATCH = 8
_BATCHES_PER_PROCESS = 3  # submitted ahead, so that no process waits


@dataclasses.dataclass(frozen=True)
class AlignmentTask:
    """What all batches of a run share: folders, settings and networks."""

    source: Path
    out: Path
    settings: MTCNNSettings
    networks: Path

    def arguments(self, batch):
        return self.source, self.out, batch, self.settings.smallest_face


def align_in_processes(
    task: AlignmentTask, photos: list[tuple[str, str]], processes: int
) -> Iterator[list[ManifestRow]]:
    """Aligns photos and gives the rows of each batch as it is done, in any order.

    Args:
        task: Where the photos are, and how to align them.
        photos: "IDENTITY/FILE" of each photo, and of its crop.
        processes: Number of worker processes; 1 works in the calling process.

    Raises: OSError if a crop cannot be written; InputError if a worker is killed.
    """
    batches = [
        photos[start : start + _PHOTOS_PER_BATCH]
        for start in range(0, len(photos), _PHOTOS_PER_BATCH)
    ]
    processes = min(processes, len(batches))
    if processes > 1:
        yield from _in_pool(task, batches, processes)
    elif batches:
        detector = load_detector(task.networks, task.settings)
        for batch in batches:
            yield alignment_worker.align_batch(detector, *task.arguments(batch))


def _in_pool(task, batches, processes):
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        # A forked copy of a process with threads, as OpenCV has, can hang.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=alignment_worker.start_worker,
        initargs=(task.networks, task.settings),
    )
    try:
        waiting, left = set(), iter(batches)
        while True:
            for batch in itertools.islice(
                left, processes * _BATCHES_PER_PROCESS - len(waiting)
            ):
                arguments = task.arguments(batch)
                waiting.add(pool.submit(alignment_worker.align_in_worker, *arguments))
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
