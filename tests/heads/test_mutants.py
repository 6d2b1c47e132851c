"""Tests of the tests: each small error put into a head is noticed by its test file."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.heads.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
ROWS = [(test, *row) for test, rows in MUTANTS.items() for row in rows]


def run_tests(folder, test):
    """Exit code and output of a test file in a copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, "-n", "0", f"tests/heads/{test}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def tree(tmp_path):
    """A copy of the package and its tests."""
    skip = shutil.ignore_patterns("__pycache__", "mutants.py", "test_mutants.py")
    for name in ("tf_sphereface", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def source(tree, module):
    """Path and normalised text of a module of heads."""
    path = tree / "tf_sphereface" / "heads" / f"{module}.py"
    return path, ast.unparse(ast.parse(path.read_text()))


def test_each_mutant_has_one_place_in_the_source():
    rows = [(module, old) for _, module, old, _ in ROWS]
    texts = {module: source(ROOT, module)[1] for module, _ in rows}
    lost = [row for row in rows if texts[row[0]].count(row[1].replace('"', "'")) != 1]
    assert not lost


@pytest.mark.slow
@pytest.mark.parametrize("test", MUTANTS)
def test_copy_without_a_mutant_passes(tree, test):
    code, output = run_tests(tree, test)
    assert code == 0, output


@pytest.mark.slow
@pytest.mark.parametrize(("test", "module", "old", "new"), ROWS)
def test_mutant_is_noticed(tree, test, module, old, new):
    path, text = source(tree, module)
    old, new = (part.replace('"', "'") for part in (old, new))
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    code, output = run_tests(tree, test)
    assert code == 1, output  # 1: a test failed; others: pytest itself did
    assert "Interrupted" not in output and "ERROR " not in output, output
