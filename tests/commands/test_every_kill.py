"""SIGKILL before every change that a command makes to the disk, one after another.

After each the older good output or the new one is whole, the same command ends with 0,
and no file of the killed process is left.
"""

import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.kill_points import CHANGES, RENAMES, KillServer
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile, write_embeddings

RECIPE = """
[backbone]
name = "sphereface_cnn"
depth = 4
width_multiplier = 0.0625
embedding_dim = 16
[head]
name = "a_softmax"
annealing = {base = 20.0, gamma = 0.2}
[data]
batch_size = 8
[optimizer]
learning_rate = 0.01
boundaries = []
[schedule]
steps = 40
steps_per_epoch = 20
seed = 3
"""
PAIRS = "--images aligned --pairs pairs.txt --resamples 20"
# All that makes the world in which the commands are killed, in this order.
MAKING = {
    "synthesize": "synthesize --out photos --identities 6 --images 3 --seed 1",
    "align": "align photos --out aligned --processes 1",
    "pairs": "pairs aligned --out pairs.txt --folds 2 --pairs-per-fold 6",
    "records": "records aligned --out records --shards 2 --holdout-identities 2",
    "train": "train recipe.toml --records records --run run",
    "import-weights": "import-weights run/last.keras --backbone sphereface4 "
    "--out imported.keras",
    "export-weights": "export-weights run --out weights.safetensors",
    "export": "export tflite run --out bundle",
    "embed": "embed bundle --images aligned --out embeddings.npz",
    "evaluate": f"evaluate embeddings.npz {PAIRS} --thumbnails --out report",
    "evaluate 2": f"evaluate embeddings.npz {PAIRS} --out other",
    "compare": "compare report other --out comparison",
    "calibrate": f"calibrate bundle {PAIRS} --far 0.5",
    "clean": "clean aligned --model bundle --out clean.csv --html clean.html",
    "cluster": "cluster embeddings.npz --images aligned --threshold 0.5 --out list.csv "
    "--html list.html --projector projector",
    "audit": "audit aligned",
}
OUTPUTS = {
    "synthesize": "photos",
    "align": "aligned",
    "pairs": "pairs.txt",
    "records": "records",
    "train": "run",
    "import-weights": "imported.keras",
    "export-weights": "weights.safetensors",
    "export": "bundle",
    "embed": "embeddings.npz",
    "evaluate": "report",
    "compare": "comparison",
    "calibrate": "bundle",
    "clean": "clean.csv clean.html",
    "cluster": "list.csv list.html projector",
    "audit": "aligned",
}
# Over an older output; the others are killed while they make a new one.
AGAIN = {
    "align again": ("align", "align photos --out aligned --processes 1"),
    "evaluate": ("evaluate", MAKING["evaluate"]),
    "compare": ("compare", MAKING["compare"]),
    "calibrate": ("calibrate", f"calibrate bundle {PAIRS} --far 0.6"),
    "audit": ("audit", MAKING["audit"]),
    "export --overwrite": ("export", MAKING["export"] + " --overwrite"),
}
# What belongs together is of one run; other outputs grow file by file.
GROWING = ("align", "train", "synthesize", "evaluate", "compare", "cluster", "clean")


@pytest.fixture(scope="module")
def server():
    server = KillServer(tensorflow=True)
    yield server
    server.close()


@pytest.fixture(scope="module")
def world(server, tmp_path_factory):
    """A folder with the outputs of all commands."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "recipe.toml").write_text(RECIPE)
    for command in MAKING.values():
        status, _, errors = server.run(command.split(), folder)
        assert status == 0, f"{command}: {errors}"
    return folder


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
        if command[0] == "train":  # a resumed one sees another shuffle
            assert found.keys() == after.keys(), f"after kill {number}"
        else:
            assert found == after, f"after kill {number}"
        shutil.rmtree(place)
    shutil.rmtree(whole)
    return points


def check_outputs(found, before, after, command, number):
    if command in GROWING:
        for name, content in found.items():
            either = (before.get(name), after.get(name))
            unfinished = command in ("align", "train") and name not in after
            changed = command == "train" and name in after  # an epoch's
            assert content in either or unfinished or changed, (number, name)
        assert found.keys() >= before.keys() & after.keys(), number
    else:
        assert found in (before, after), number


def copied(world, folder):
    shutil.copytree(world, folder, symlinks=True)  # with the times of the photos
    return folder


def everything(folder):
    """Names of all files and folders; TensorBoard's logs have names of their own."""
    found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}
    return {name for name in found if "events.out.tfevents" not in name}


def contents(folder, outputs):
    """By name the bytes of the visible files, without what differs from run to run."""
    found = {}
    for output in outputs.split():
        path = folder / output
        files = [path] if path.is_file() else path.rglob("*")
        for file in files:
            name = str(file.relative_to(folder))
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if file.is_file() and not hidden and "tfevents" not in name:
                found[name] = steady(file)
    return found


def steady(file):
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            return sorted(
                (info.filename, info.file_size)
                for info in archive.infolist()
                if info.filename != "metadata.json"
            )
    if file.suffix == ".h5":
        return file.stat().st_size
    content = file.read_bytes()
    for pattern in (
        rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+00:00| UTC)?",
        rb"\b[0-9a-f]{32}\b",  # of a run
        rb'"?(seconds|milliseconds_per_face)"?: [0-9.]+',
    ):
        content = re.sub(pattern, b"", content)
    return content


def without(world, outputs, folder):
    """The world as it was before a command."""
    place = copied(world, folder)
    for output in outputs.split():
        path = place / output
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return place


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in OUTPUTS if n not in AGAIN])
def test_commands_that_make_a_new_output(server, world, tmp_path, name):
    outputs = OUTPUTS[name]
    start = without(world, outputs, tmp_path / "start")
    command, kinds = MAKING[name].split(), kinds_of(name)
    points = every_kill(server, start, command, outputs, tmp_path, kinds)
    tell(name, points)


@pytest.mark.slow
@pytest.mark.parametrize("name", AGAIN)
def test_commands_over_an_older_output(server, world, tmp_path, name):
    kind, command = AGAIN[name]
    start = copied(world, tmp_path / "start")
    if name == "align again":  # a crop to make, and one to remove
        os.remove(sorted((start / "aligned").glob("*/*.jpg"))[0])
        os.remove(sorted((start / "photos").glob("*/*.jpg"))[-1])
    points = every_kill(
        server, start, command.split(), OUTPUTS[kind], tmp_path, kinds_of(name)
    )
    tell(name, points)


def kinds_of(name):
    """Fewer points of what takes seconds."""
    return RENAMES if name.split()[0] in ("train", "export", "synthesize") else CHANGES


def tell(name, points):
    if table := os.environ.get("SPHEREFACE_KILLS"):
        with open(table, "a") as file:
            file.write(f"| `{name}` | {points} | 0 |\n")


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


def test_a_kill_of_pairs_before_the_list_is_in_its_place(
    small_server, small_world, tmp_path
):
    command = MAKING["pairs"].split()
    every_kill(small_server, small_world, command, "pairs.txt", tmp_path, RENAMES, 2)


def test_a_kill_of_cluster_between_the_page_and_the_list(
    small_server, small_world, tmp_path
):
    command = "cluster embeddings.npz --images aligned --threshold 0 --out list.csv "
    command = [*command.split(), "--html", "page.html"]
    outputs = "list.csv page.html"
    every_kill(small_server, small_world, command, outputs, tmp_path, RENAMES, 4)
