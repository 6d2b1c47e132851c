"""A worker process of `align_photos`."""

import multiprocessing
import os
import signal
import threading

import cv2

from tf_sphereface.data.alignment_manifest import ManifestRow
from tf_sphereface.data.photo_aligner import (
    AlignmentItem,
    AlignmentTask,
    PhotoAligner,
)

_aligner = None


def start_worker(task: AlignmentTask) -> None:
    """Prepares a worker process: its aligner, one thread, an end with its parent."""
    global _aligner
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)
    _aligner = PhotoAligner(task)


def align_in_worker(batch: list[AlignmentItem]) -> list[ManifestRow]:
    """`PhotoAligner.align_batch` with the aligner of this process."""
    return _aligner.align_batch(batch)


def _exit_after(parent):
    # A killed parent cannot end its workers; they would wait for work for ever.
    parent.join()
    os._exit(1)
