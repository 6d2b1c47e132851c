"""The code of README and docs runs: `bash` and `python` blocks, in a new folder."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tf_sphereface.commands.main import main

ROOT = Path(__file__).parents[1]


def block(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    return found


def run_python(script):
    with warnings.catch_warnings(action="ignore"):
        exec(compile(script, "block", "exec"), names := {"__name__": "__main__"})
    return names


@pytest.mark.timeout(600)  # fifteen commands, on a busy machine too
def test_the_commands_are_a_pipeline_from_photos_to_a_match(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    script = block("docs/step_by_step.md", "bash")
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        for line in script.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "sphereface", line
            # In this process, which imports TensorFlow once.
            assert main(arguments) == 0, f"{line}\n{errors.getvalue()[-2000:]}"
    assert (tmp_path / "runs/small/evaluation/report.html").exists()
    assert (tmp_path / "bundle/contract.json").exists()
    assert (tmp_path / "comparison/compare.html").exists()
    assert '"same":' in printed.getvalue()
    assert '"probability":' in printed.getvalue()
    names = run_python(block("docs/matching.md", "python"))
    assert names["same"] == (names["score"] >= names["threshold"])


def test_the_installed_command_prints_its_help():
    command = Path(sys.executable).parent / "sphereface"
    done = subprocess.run([command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: sphereface")


def test_the_keras_script_trains_and_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python(block("README.md", "python"))
    assert (tmp_path / "classifier.keras").exists()
    assert (tmp_path / "embedding.keras").exists()
