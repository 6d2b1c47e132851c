"""Tests for tf_sphereface.data.photos.reading_ahead."""

import contextlib
import threading

import pytest

from tf_sphereface.data.photos import reading_ahead
from tf_sphereface.data.photos.reading_ahead import read_ahead


@pytest.fixture(params=[1, 2, 8], autouse=True)
def cores(request, monkeypatch):
    monkeypatch.setattr(reading_ahead, "usable_cores", lambda: request.param)
    return request.param


def test_results_come_in_the_order_of_the_items(cores):
    late = threading.Event()

    def read(item):
        if item == 0 and cores > 3:  # with one thread nobody else could end the wait
            assert late.wait(10)
        if item == 1:
            late.set()
        return 10 * item

    assert list(read_ahead(read, range(9))) == [10 * item for item in range(9)]
    assert list(read_ahead(read, [])) == []


def test_reading_is_no_further_ahead_than_a_result_a_thread(cores):
    begun = []
    results = read_ahead(begun.append, range(100))
    with contextlib.closing(results):
        for taken, _ in enumerate(results, start=1):
            assert len(begun) <= taken + max(1, cores // 2)
    assert sorted(begun) == list(range(100))


def test_first_error_in_order_is_raised():
    def read(item):
        if item in (3, 4):
            raise ValueError(f"item {item}")
        return item

    taken = []
    with pytest.raises(ValueError, match="item 3"):
        for each in read_ahead(read, range(9)):
            taken.append(each)
    assert taken == [0, 1, 2]


def test_closed_reader_reads_no_more():
    begun, threads = [], set(threading.enumerate())
    results = read_ahead(begun.append, range(100))
    next(results)
    results.close()
    assert len(begun) < 10 and set(threading.enumerate()) <= threads
