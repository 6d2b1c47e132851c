"""The walk through the commands of the guides; as a script, it tells what goes out.

The script walks in the current folder, does what README has besides, and writes
`walk.json`: the commands, their results, and the addresses that were asked for.
"""

import contextlib
import io
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

from tests.code_blocks import WALK, CodeBlock, code_blocks
from tf_sphereface.commands.main import main

ROOT = Path(__file__).parents[1]
# README has these besides; of "Your own photos" with a training of seconds.
BESIDES = """
sphereface recipes
sphereface audit aligned/train
sphereface quickstart --data people --out runs/mine --set schedule.steps=20 \
    --set schedule.steps_per_epoch=10 --set data.batch_size=32
"""
# Audit events of Python that come before anything is sent.
OUTWARDS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg")


def walk(pages=WALK):
    """Runs the commands of pages in the current folder.

    Returns: (words, stdout) of each command.
    """
    return [
        (words, run(words))
        for page in pages
        for block in code_blocks(ROOT / "docs" / page)
        if block.language == "bash"
        for words in block.commands()
    ]


def run(words):
    """Runs a command in this process, which imports TensorFlow once; gives stdout."""
    program, *arguments = words
    assert program == "sphereface"
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        try:
            status = main(arguments)
        except SystemExit as stop:  # of a wrong option
            status = stop.code
    assert status == 0, f"{arguments}\n{errors.getvalue()[-2000:]}"
    return printed.getvalue()


def script_of(page):
    """The one Python block of a page."""
    (script,) = [b.text for b in code_blocks(ROOT / page) if b.language == "python"]
    return script


def run_python(script):
    """Runs a block in the current folder; gives its names."""
    with warnings.catch_warnings(action="ignore"):
        exec(compile(script, "block", "exec"), names := {"__name__": "__main__"})
    return names


def _walk_and_tell():
    asked = []

    def watch(event, arguments):
        if event in OUTWARDS:
            address = arguments[0 if event == "socket.getaddrinfo" else 1]
            if not isinstance(address, str | bytes) or event == "socket.getaddrinfo":
                asked.append(f"{event} {address}")  # else a socket of this machine

    sys.addaudithook(watch)
    results = walk()
    for folder in ("photos/train", "photos/unseen"):
        shutil.copytree(folder, "people", dirs_exist_ok=True)
    commands = CodeBlock("bash", BESIDES, None).commands()
    results += [(words, run(words)) for words in commands]
    for page in ("docs/matching.md", "README.md"):
        run_python(script_of(page))
    Path("walk.json").write_text(json.dumps({"results": results, "asked": asked}))


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    _walk_and_tell()
