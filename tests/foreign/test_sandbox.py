"""Tests for tf_sphereface.foreign.sandbox, with readers that misbehave."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.sandbox import Limits, read_apart

LIMITS = Limits(memory=1 << 30, processor_seconds=1, seconds=20)


def copy_numbers(path):
    return {"numbers": np.frombuffer(path.read_bytes(), np.uint8)}, {"name": path.name}


def refuse(path):
    raise InputError("must hold tensors")


def end_the_process(path):
    os.kill(os.getpid(), signal.SIGABRT)


def run_for_ever(path):
    while True:
        pass


def sleep(path):
    time.sleep(60)


def take_memory(path):
    return {"numbers": np.ones(1 << 28)}, {}


def fail(path):
    raise KeyError(path)


def print_much(path):
    for _ in range(1000):
        print("x" * 100_000)
        print("x" * 100_000, file=sys.stderr)
    return {}, {"printed": "much"}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads three bytes with a function of this module."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    path = tmp_path / "x.bin"
    path.write_bytes(b"\1\2\3")
    stem = Path(__file__).stem

    def run(function, limits=LIMITS):
        with (
            read_apart(f"{stem}:{function.__name__}", path, limits) as result,
            safe_open(result, "np") as file,
        ):
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata(), result

    return run


def test_tensors_and_metadata_come_back_and_leave_nothing(read):
    tensors, metadata, result = read(copy_numbers)
    np.testing.assert_array_equal(tensors["numbers"], [1, 2, 3])
    assert metadata == {"name": "x.bin"}
    assert not result.parent.exists()


def test_output_of_a_reader_is_dropped(read, capfd):
    assert read(print_much)[:2] == ({}, {"printed": "much"})
    assert capfd.readouterr() == ("", "")


def test_a_refusal_is_told_in_its_words(read):
    with pytest.raises(InputError, match=r"x\.bin must hold tensors$"):
        read(refuse)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("function", [end_the_process, run_for_ever, take_memory, fail])
def test_a_reader_that_fails_is_an_error_in_one_line(read, function):
    with pytest.raises(InputError, match=r"x\.bin is damaged: .* bounds") as caught:
        read(function)
    assert "\n" not in str(caught.value)


def test_a_reader_that_waits_is_ended_by_the_clock(read):
    with pytest.raises(InputError, match=r"x\.bin is damaged"):
        read(sleep, Limits(memory=1 << 30, processor_seconds=9, seconds=3))
