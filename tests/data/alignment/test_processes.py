"""Tests for tf_sphereface.data.alignment.processes."""

import signal
from pathlib import Path

import pytest

from tf_sphereface.data.alignment.photo_aligner import AlignmentItem, AlignmentTask
from tf_sphereface.data.alignment.processes import align_in_processes
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.detection import MTCNNSettings
from tf_sphereface.errors import InputError


class MaskReader:
    """Says whether its process holds Ctrl-C back, as the reason of a dropped photo."""

    def read(self, place):
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, set())
        raise InputError(f"held back {signal.SIGINT in mask}")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10_000, [16, 16, 8]), (3_000_000, [3] * 13 + [1]), (10**9, [1] * 40)],
)
def test_batches_are_small_where_photos_are_large(size, expected):
    task = AlignmentTask(MaskReader(), Path("nowhere"), None, MTCNNSettings())
    items = [AlignmentItem(Photo(f"A/{n}.jpg", None, size, 1)) for n in range(40)]
    assert [len(rows) for rows in align_in_processes(task, items, 40, 1)] == expected


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows")
def test_workers_never_see_ctrl_c():
    """It comes to all processes of a terminal, and while they import their modules."""
    task = AlignmentTask(MaskReader(), Path("nowhere"), None, MTCNNSettings())
    items = [AlignmentItem(Photo(f"A/{n}.jpg", None, 1, 1)) for n in range(9)]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    rows = [row for batch in align_in_processes(task, items, 9, 2) for row in batch]
    assert {row.reason for row in rows} == {"held back True"}
    assert len(rows) == 9
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
