"""The README's code runs: its `bash` and `python` blocks, in order, in a new folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "docs/losses.md"),
    *("docs/verification.md", "docs/identification.md"),
)
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def run(command, folder):
    for name in ("recipes", "export"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


def test_the_commands_go_the_whole_road(tmp_path):
    (script,) = blocks("bash")
    done = run(["bash", "-euo", "pipefail", "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "runs/small/evaluation/report.html").exists()
    assert (tmp_path / "bundle/contract.json").exists()
    assert (tmp_path / "comparison/compare.html").exists()
    assert '"same":' in done.stdout
    assert '"probability":' in done.stdout
    assert "Traceback" not in done.stderr


def test_the_keras_script_trains_and_saves(tmp_path):
    (script,) = blocks("python")
    done = run([sys.executable, "-W", "ignore", "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "classifier.keras").exists()
    assert (tmp_path / "embedding.keras").exists()


def test_links_lead_somewhere():
    for page in (ROOT / name for name in PAGES):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), target
    assert not re.search(r"[A-Z]+_OUTPUT", TEXT)


def test_the_make_targets_it_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"`?make ([a-z-]+)", TEXT)
    assert named
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)
