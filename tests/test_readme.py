"""The code of README and docs runs: `bash` and `python` blocks, in a new folder."""

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.code_blocks import WALK, code_blocks
from tf_sphereface.commands.main import main

ROOT = Path(__file__).parents[1]


def script_of(page):
    (script,) = [b.text for b in code_blocks(ROOT / page) if b.language == "python"]
    return script


def run_python(script):
    with warnings.catch_warnings(action="ignore"):
        exec(compile(script, "block", "exec"), names := {"__name__": "__main__"})
    return names


@pytest.mark.timeout(900)  # thirty commands, on a busy machine too
@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(WALK[:1], id="step_by_step"),
        pytest.param(WALK, id="all_guides", marks=pytest.mark.slow),
    ],
)
def test_the_commands_of_the_guides_are_a_walk_from_photos_to_a_match(
    tmp_path, monkeypatch, pages
):
    monkeypatch.chdir(tmp_path)
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        for page in pages:
            for block in code_blocks(ROOT / "docs" / page):
                if block.language == "bash":
                    run_commands(block, errors)
    assert (tmp_path / "runs/small/evaluation/report.html").exists()
    assert (tmp_path / "bundle/contract.json").exists()
    assert (tmp_path / "comparison/compare.html").exists()
    assert '"same":' in printed.getvalue()
    assert '"probability":' in printed.getvalue()
    names = run_python(script_of("docs/matching.md"))
    assert names["same"] == (names["score"] >= names["threshold"])


def run_commands(block, errors):
    for program, *arguments in block.commands():
        assert program == "sphereface"
        # In this process, which imports TensorFlow once.
        status = main(arguments)
        assert status == 0, f"{arguments}\n{errors.getvalue()[-2000:]}"


def test_the_installed_command_prints_its_help():
    command = Path(sys.executable).parent / "sphereface"
    done = subprocess.run([command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: sphereface")


def test_the_keras_script_trains_and_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python(script_of("README.md"))
    assert (tmp_path / "classifier.keras").exists()
    assert (tmp_path / "embedding.keras").exists()
