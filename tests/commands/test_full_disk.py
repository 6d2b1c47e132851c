"""A disk of 8 MB that runs full while a command writes.

One line and exit status 2; the older output is whole, nothing of the failed run is left
and, with room again, the same command ends with 0.
"""

import contextlib
import os
import subprocess

import numpy as np
import pytest

from tests.commands.every_command import (
    CASES,
    OUTPUTS,
    check_outputs,
    contents,
    copied,
    everything,
    start_of,
)
from tests.gallery.small_galleries import new_store, template
from tf_sphereface.commands.gallery import enroll, forget, people
from tf_sphereface.commands.main import main
from tf_sphereface.gallery.database import is_erasing
from tf_sphereface.gallery.store import GalleryStore
from tf_sphereface.weights.files.safetensors_file import write_safetensors

# Of what the output takes: writing ends at its beginning, within it and at its end.
SHARES = (0, 0.4, 0.8)
RESUMED = "aligned/manifest.partial.csv"  # what the next `align` goes on with


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", error)
        pytest.skip(f"a disk of 8 MB is not to be had: {reason}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def full(disk, room):
    """Leaves so many bytes of a disk."""
    found = os.statvfs(disk)
    with open(disk / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - room)
    yield
    os.remove(disk / "ballast")


def bytes_of(folder, outputs):
    paths = [folder / output for output in outputs.split()]
    files = [file for path in paths for file in (path, *path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_full_disk(server, world, disk, tmp_path, name):
    kind, command = CASES[name]
    command, outputs = command.split(), OUTPUTS[kind]
    start = start_of(world, name, tmp_path / "start")
    whole = copied(start, tmp_path / "whole")
    status, _, errors = server.run(command, whole)
    assert status == 0, errors
    before, after = contents(start, outputs), contents(whole, outputs)
    statuses = []
    dear = kind.split()[0] in ("train", "export", "synthesize")
    for share in SHARES[: 2 if dear else 3]:
        place = copied(start, disk / "world")
        (place / "tmp").mkdir(exist_ok=True)
        names = everything(place)
        with full(disk, int(share * bytes_of(whole, outputs))):
            status, _, errors = server.run(command, place)
        statuses.append(status)
        assert status in (0, 2), f"{share}: {errors}"
        if status == 2:
            # Besides: notes, and what a training or an export has measured.
            (line,) = [x for x in errors.splitlines() if x.startswith("error: ")]
            assert "No space left" in line, errors
            # HDF5 grumbles once more when the file that it could not write is closed.
            assert kind == "train" or "Traceback" not in errors, errors
            left, finished = everything(place), everything(whole)
            assert left >= names & finished and left - names <= finished | {RESUMED}
            check_outputs(contents(place, outputs), before, after, command[0], share)
        status, _, errors = server.run(command, place)
        assert status == 0, f"after {share}: {errors}"
        found = contents(place, outputs)
        assert found == after or kind == "train" and found.keys() == after.keys()
        subprocess.run(["rm", "-r", place], check=True)
    assert statuses[0] == 2


@pytest.mark.parametrize("room", [0, 4096])
def test_pairs_on_a_full_disk(disk, capsys, monkeypatch, room):
    monkeypatch.chdir(disk)
    for name in (
        f"aligned/{person}/{number}.jpg" for person in "abcd" for number in "12"
    ):
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).touch()
    names, command = everything(disk), ["pairs", "aligned", "--out", "pairs.txt"]
    command += ["--folds", "2", "--pairs-per-fold", "2"]
    with full(disk, room):
        # The journal takes the last page.
        assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "No space left" in line
    assert everything(disk) == names
    assert main(command) == 0
    (disk / "pairs.txt").unlink()


# A new gallery has 40 kB; an open one has a log and its index, 32 kB, beside it.
@pytest.mark.parametrize("room", [0, 4096, 40_000, 60_000])
def test_galleries_on_a_full_disk(folder, call, disk, room):
    gallery = disk / "g"
    gallery.unlink(missing_ok=True)
    before = everything(disk)  # of other tests
    enrol = (enroll, gallery, "--bundle", "bundle", "--keep-crops", "--name")

    def told(*arguments, status=2):
        with full(disk, room):
            _, errors = call(*arguments, status=status)
        assert errors.startswith("error: ") and errors.count("\n") == 1
        return errors

    assert "No space left" in told(*enrol, "Ada", "Ada/0.png")
    assert everything(disk) == before
    call(*enrol, "Ada", "Ada/0.png")
    assert "No space left" in told(*enrol, "Bob", "Bob/0.png", "Bob/1.png")
    assert names(call(people, gallery)) == ["Ada"]


def test_a_deletion_on_a_full_disk_is_finished_with_room_again(disk, call):
    gallery = disk / "g"
    gallery.unlink(missing_ok=True)
    with new_store(gallery) as store:
        store.add("Somebody", [template(n) for n in range(2000)])
        store.add("Ada Lovelace", [template(2000)])
    with full(disk, 4096):
        _, errors = call(forget, gallery, "Ada Lovelace", status=2)
        assert "No space left" in errors
    with full(disk, 200_000):
        _, errors = call(forget, gallery, "Ada Lovelace", status=1)
        assert "deleted, but the disk has no room for a copy" in errors
    assert names(call(people, gallery)) == ["Somebody"]
    with GalleryStore(gallery) as store:
        assert not is_erasing(store._database)
    assert template(2000).feature.tobytes() not in gallery.read_bytes()


def names(answer):
    return [person["name"] for person in answer[0]["people"]]


def test_weights_on_a_full_disk(disk):
    with full(disk, 4096), pytest.raises(OSError, match="No space left"):
        write_safetensors({"a": np.zeros(10_000)}, disk / "a.safetensors", {})
    assert not list(disk.glob("*.safetensors"))
