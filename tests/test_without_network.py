"""Every command of README in a namespace without a network gives the same results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import guides_walk
from tests.commands.every_command import contents
from tf_sphereface.commands.main import COMMANDS

ROOT = Path(__file__).parents[1]
NO_NETWORK = ["unshare", "-n"]
# Threads may add up in another order while training; photos have times of their own.
UNTRAINED = ("aligned/", "pairs", "people/", "photos/", "records/")
# In an environment of its own; and a server, whose page is watched in a browser.
ELSEWHERE = {"quantization-train", "demo"}


def walked(folder, prefix=()):
    """The content of `walk.json`, and the files of the walk."""
    folder.mkdir()
    command = [*prefix, sys.executable, guides_walk.__file__]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "walk.json").read_text()), contents(folder, ".")


def keys(results):
    """The commands, and the keys of their results."""
    return [(words, re.findall(r'"(\w+)":', printed)) for words, printed in results]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_of_the_readme_without_a_network(tmp_path):
    if subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode:
        pytest.skip("unshare -n is not permitted here")
    online, files = walked(tmp_path / "online")
    offline, same = walked(tmp_path / "offline", NO_NETWORK)
    assert {words[1] for words, _ in offline["results"]} == {*COMMANDS} - ELSEWHERE
    assert online["asked"] == offline["asked"] == []
    assert keys(online["results"]) == keys(offline["results"])
    assert files.keys() == same.keys()
    untrained = [name for name in files if name.startswith(UNTRAINED)]
    untrained = [name for name in untrained if not name.endswith("manifest.csv")]
    assert {Path(name).suffix for name in untrained} > {".jpg", ".tfrecord", ".json"}
    assert [n for n in untrained if files[n] != same[n]] == []
