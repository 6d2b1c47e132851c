"""The code of README and docs runs: `bash` and `python` blocks, in a new folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guides_walk import WALK, run_python, script_of, walk


@pytest.mark.timeout(900)  # thirty commands, on a busy machine too
@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(WALK[:1], id="step_by_step", marks=pytest.mark.slow),
        pytest.param(WALK, id="all_guides", marks=pytest.mark.slow),
    ],
)
def test_the_commands_of_the_guides_are_a_walk_from_photos_to_a_match(
    tmp_path, monkeypatch, pages
):
    monkeypatch.chdir(tmp_path)
    printed = "".join(result for _, result in walk(pages))
    assert (tmp_path / "runs/small/evaluation/report.html").exists()
    assert (tmp_path / "bundle/contract.json").exists()
    assert (tmp_path / "comparison/compare.html").exists()
    assert '"same":' in printed
    assert '"probability":' in printed
    names = run_python(script_of("docs/matching.md"))
    assert names["same"] == (names["score"] >= names["threshold"])
    if "gallery.md" in pages:
        names = run_python(script_of("docs/gallery.md"))
        assert names["faces"][0]["nearest"] and names["matches"]


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
