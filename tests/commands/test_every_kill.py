"""SIGKILL before every change that a command makes to the disk, one after another.

After each the older good output or the new one is whole, the same command ends with 0,
and no file of the killed process is left.
"""

import os
import shutil

import numpy as np
import pytest

from tests.commands.every_command import (
    CASES,
    MAKING,
    OUTPUTS,
    check_outputs,
    contents,
    copied,
    everything,
    start_of,
)
from tests.kill_points import CHANGES, RENAMES, KillServer
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile, write_embeddings


def every_kill(server, world, command, outputs, folder, kinds=CHANGES, only=None):
    """Kills a command before each change; gives the number of changes.

    Args:
        command: Words of `sphereface`.
        outputs: Paths that it writes, below the world.
        folder: To work in.
        kinds: Of the changes that count.
        only: The number of a kill; None: all.
    """
    before = contents(world, outputs)
    whole = copied(world, folder / "undisturbed")
    status, points, errors = server.run(command, whole, kinds=kinds)
    assert status == 0 and points > 0, errors
    after, names = contents(whole, outputs), everything(whole)
    for number in range(1, points + 1) if only is None else [only]:
        place = copied(world, folder / "killed")
        status, _, _ = server.run(command, place, number, kinds)
        assert status == -9, number
        check_outputs(contents(place, outputs), before, after, command[0], number)
        status, _, errors = server.run(command, place)
        assert status == 0, f"after kill {number}: {errors}"
        assert everything(place) == names, f"after kill {number}"
        found = contents(place, outputs)
        if command[0] == "train":  # `.keras` files hold times
            assert found.keys() == after.keys(), f"after kill {number}"
        else:
            assert found == after, f"after kill {number}"
        shutil.rmtree(place)
    shutil.rmtree(whole)
    return points


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_kill_before_every_change(server, world, tmp_path, name):
    kind, command = CASES[name]
    start = start_of(world, name, tmp_path / "start")
    kinds, outputs = kinds_of(name), OUTPUTS[kind]
    points = every_kill(server, start, command.split(), outputs, tmp_path, kinds)
    if table := os.environ.get("SPHEREFACE_KILLS"):
        with open(table, "a") as file:
            file.write(f"| `{name}` | {points} | 0 |\n")


def kinds_of(name):
    """Fewer points of what takes seconds."""
    return RENAMES if name.split()[0] in ("train", "export", "synthesize") else CHANGES


@pytest.fixture(scope="module")
def small_server():
    server = KillServer()
    yield server
    server.close()


@pytest.fixture
def small_world(tmp_path):
    """Embeddings and a folder of names, without faces."""
    folder = tmp_path / "world"
    names = [f"{person}/{number}.jpg" for person in "abcd" for number in "123"]
    rows = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    for name in names:
        (folder / "aligned" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "aligned" / name).touch()
    write_embeddings(folder / "embeddings.npz", EmbeddingFile(rows, names))
    return folder


@pytest.mark.slow
def test_a_kill_of_pairs_before_the_list_is_in_its_place(
    small_server, small_world, tmp_path
):
    command = MAKING["pairs"].split()
    every_kill(small_server, small_world, command, "pairs.txt", tmp_path, RENAMES, 2)


@pytest.mark.slow
def test_a_kill_of_cluster_between_the_page_and_the_list(
    small_server, small_world, tmp_path
):
    command = "cluster embeddings.npz --images aligned --threshold 0 --out list.csv "
    command = [*command.split(), "--html", "page.html"]
    outputs = "list.csv page.html"
    every_kill(small_server, small_world, command, outputs, tmp_path, RENAMES, 4)
