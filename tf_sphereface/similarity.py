"""Cosines of probes with a set of any size, in tiles of bounded memory.

A million embeddings of 512 numbers are 2 GB, and their scores with 3,530 probes 14 GB:
neither is ever in memory as a whole. What makes it fast, and must stay:

- All arithmetic on embeddings is one float32 matrix product a tile. A tile's scores
  (`TILE_ROWS` x `TILE_COLUMNS`, 4 MB) are read again while they are still in cache.
- One thread a core takes tiles and does product and bookkeeping itself, with BLAS kept
  to that thread. BLAS's own threads would stand idle while one thread does the
  bookkeeping. NumPy lets go of the interpreter lock in both.
- The bookkeeping looks at each score twice (`top_scores.py`): a maximum and a
  comparison with a floor that soon lies above all but a few scores in a thousand.
"""

import itertools
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.progress import Progress

TILE_ROWS, TILE_COLUMNS = 512, 2048
# Squares of lengths within which float32 neither overflows nor loses digits.
_USUAL_SQUARES = 1e-30, 1e30


class ScoreConsumer(Protocol):
    """Takes tiles of scores; one thread uses it."""

    def add(self, scores: np.ndarray, first_row: int) -> None:
        """Float32 (rows, columns), cosines of the probes from `first_row` on.

        The array is written over after the call.
        """


def note_on_probabilities(rows: np.ndarray, model: str) -> str | None:
    """A sentence if a model gives probabilities of classes in place of embeddings.

    Args:
        rows: What it gives for several crops, (n, dim).
        model: Its name, for the sentence.
    """
    sums = rows.sum(axis=-1)
    if rows.shape[-1] < 2 or (rows < 0).any() or (abs(sums - 1) > 0.01).any():
        return None
    return (
        f"{model} gives {rows.shape[-1]} probabilities, as a classifier does: the "
        "embedding is the input of its last layer; cut it with keras.Model("
        "model.input, model.layers[-1].input).save('embedding.keras')"
    )


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their L2 norms, whatever their lengths.

    Args:
        rows: (n, dim) or (dim,). Float64 stays float64, all else becomes float32.

    Returns: The same shape. A row of zeros stays zero; one that is not finite stays so.
    """
    rows = np.asarray(rows)
    if rows.dtype != np.float64:
        rows = rows.astype(np.float32, copy=False)
    squares = _squares(rows)
    odd = ~_usual(squares)
    if odd.any():
        rows = rows.copy()
        largest = np.abs(rows[odd]).max(axis=-1, keepdims=True)
        rows[odd] /= np.where(largest > 0, largest, 1)
        squares[odd] = np.where(largest[:, 0] > 0, _squares(rows[odd]), 1)
    return rows / np.sqrt(squares)[..., None]


def check_same_size(first: np.ndarray, second: np.ndarray, names: str) -> None:
    """Refuses embeddings of two sizes.

    Args:
        first: Float (n, dim).
        second: Float (m, dim).
        names: What they are, for the message.

    Raises: InputError if `dim` is not the same, so that no score is defined.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise InputError(
            f"{names} must be embeddings of one size, from one model. "
            f"Received: shapes {first.shape} and {second.shape}"
        )


def scan_scores(
    probes: np.ndarray,
    others: np.ndarray,
    consumers: Sequence[ScoreConsumer],
    progress: Progress | None = None,
) -> int:
    """Gives the cosines of all probes with all others to the consumers, in tiles.

    Args:
        probes: Float (n, dim), unit rows.
        others: Float (m, dim), of any length, perhaps a memory map (np.load with
            mmap_mode="r"): it is read once, `TILE_COLUMNS` rows at a time. Rows that
            are not finite (missing photos) are left out.
        consumers: One a thread; each gets some of the tiles, and together all.
        progress: Called with the others done and the others in all.

    Returns: How many of the others were finite.
    Raises: InputError if the sizes of the embeddings differ.
    """
    from threadpoolctl import threadpool_limits  # other backends go without it

    check_same_size(probes, others, "probes and distractors")
    probes = np.asarray(probes, np.float32)
    starts = iter(range(0, len(others), TILE_COLUMNS))
    lock = threading.Lock()
    finished = itertools.count(1)

    def work(consumer):
        buffer = np.empty(TILE_ROWS * TILE_COLUMNS, np.float32)
        seen = 0
        while True:
            with lock:
                start = next(starts, None)
            if start is None:
                return seen
            block = _finite_unit_rows(others[start : start + TILE_COLUMNS])
            seen += len(block)
            if len(block):
                _score_block(probes, block, buffer, consumer)
            if progress is not None:
                with lock:
                    done = next(finished) * TILE_COLUMNS
                    progress(min(done, len(others)), len(others))

    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(len(consumers)) as pool,
    ):
        return sum(pool.map(work, consumers))


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # absent on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _finite_unit_rows(rows):
    """`unit_rows` of those that are finite, in one pass less."""
    with np.errstate(over="ignore"):  # infinite then, and left out
        rows = np.array(rows, np.float32)  # a copy, in memory
    squares = _squares(rows)
    if not _usual(squares).all():
        return unit_rows(rows[np.isfinite(rows).all(axis=1)])
    rows /= np.sqrt(squares)[:, None]
    return rows


def _squares(rows):
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.einsum("...d,...d->...", rows, rows))


def _usual(squares):
    return (squares > _USUAL_SQUARES[0]) & (squares < _USUAL_SQUARES[1])


def _score_block(probes, block, buffer, consumer):
    for row in range(0, len(probes), TILE_ROWS):
        part = probes[row : row + TILE_ROWS]
        tile = buffer[: len(part) * len(block)].reshape(len(part), len(block))
        np.matmul(part, block.T, out=tile)
        consumer.add(tile, row)
