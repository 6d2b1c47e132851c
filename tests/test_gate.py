"""Tests for the options of pytest: no run hangs, and a dead worker is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.quick_cases import pytest_collection_modifyitems

ROOT = Path(__file__).parents[1]
LIMITS = ("-o", "timeout=2", "-o", "faulthandler_timeout=4")


def run_with(statements, folder):
    """Exit status and output of a run of pytest that has a test of each statement."""
    for name in ("a", "b", "c"):
        lines = "import time\n\ndef test_slow():\n    time.sleep(1)\n"
        (folder / f"test_{name}.py").write_text(lines)
    lines = "import os, time\n\n"
    for number, statement in enumerate(statements):
        lines += f"def test_{number}():\n    {statement}\n\n"
    (folder / "test_culprits.py").write_text(lines)
    shutil.copy(ROOT / "pyproject.toml", folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", *LIMITS]
        + ["-p", "tests.dead_workers", "-o", "testpaths=."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_test_that_never_ends_fails_and_a_dead_worker_ends_the_run(tmp_path):
    status, output = run_with(["time.sleep(600)", "os.abort()"], tmp_path)
    assert status == 1
    assert "test_culprits.py::test_0 - Failed: Timeout" in output
    assert "crashed while running 'test_culprits.py::test_1'" in output


# `count` neither lets a signal in nor gives other threads the interpreter.
@pytest.mark.slow
@pytest.mark.parametrize("cause", ["os._exit(0)", "range(10**13).count(0.5)"])
def test_a_test_that_ends_its_process_is_named(tmp_path, cause):
    status, output = run_with([cause], tmp_path)
    assert status == 1
    assert "crashed while running 'test_culprits.py::test_0'" in output


def cases(*patterns):
    """Three cases of a test of which those like the patterns are quick."""
    mark = pytest.mark.quick_cases(*patterns).mark
    for case in ("a", "b", "c-a"):
        slow = []
        yield SimpleNamespace(
            nodeid=f"test_x.py::test[{case}]",
            callspec=SimpleNamespace(id=case),
            get_closest_marker=lambda name: mark,
            add_marker=slow.append,
            slow=slow,
        )


@pytest.mark.parametrize(
    ("patterns", "slow"),
    [(["a"], [[], ["slow"], ["slow"]]), (["b", "*-a"], [["slow"], [], []])],
)
def test_cases_beyond_the_quick_ones_are_slow(patterns, slow):
    items = list(cases(*patterns))
    pytest_collection_modifyitems(SimpleNamespace(args=["tests"]), items)
    assert [item.slow for item in items] == slow


def test_a_quick_case_that_is_not_there_is_named():
    with pytest.raises(pytest.UsageError, match=r"test_x\.py::test': \{'d'\}"):
        pytest_collection_modifyitems(SimpleNamespace(args=["tests"]), [*cases("d")])
    # With one case chosen by its name, the others are not looked for.
    chosen = SimpleNamespace(args=["test_x.py::test[a]"])
    pytest_collection_modifyitems(chosen, [*cases("d")])
