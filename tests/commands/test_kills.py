"""`sphereface align` and `sphereface records` under kill -9, as real processes."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.main import main
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection import cached_networks
from tf_sphereface.folder_lock import only_process
from tf_sphereface.whole_folders import appearing

SCRIPT = "import sys; from tf_sphereface.commands.main import main; sys.exit(main())"
COPIES = 30
FACES = 4000


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three people: many copies of one photo, and two others."""
    cached_networks()
    folder, rng = tmp_path_factory.mktemp("kills") / "photos", np.random.default_rng(8)
    for person in ("Ada", "Grace", "Zoë"):
        (folder / person).mkdir(parents=True)
        image = render_photo(sample_identity(rng), sample_capture(rng, 5.0)).image
        Image.fromarray(image).save(folder / person / "0.jpg")
    for number in range(1, COPIES):
        os.link(folder / "Ada" / "0.jpg", folder / "Ada" / f"{number}.jpg")
    (folder / "Zoë" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    return folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of crops: few pictures under many names."""
    folder, rng = tmp_path_factory.mktemp("faces") / "faces", np.random.default_rng(8)
    (folder / "Ada").mkdir(parents=True)
    (folder / "Bob").mkdir()
    for number in range(4):
        pixels = rng.integers(0, 256, (112, 96, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "Ada" / f"{number}.jpg")
    for number in range(FACES - 4):
        original = folder / "Ada" / f"{number % 4}.jpg"
        os.link(original, folder / "Bob" / f"{number}.jpg")
    return folder


def start(command, folder):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *command],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_when(process, ready, delay):
    """Kills the process and its workers; False if it had finished before."""
    deadline = time.monotonic() + 300
    while process.poll() is None and not ready():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(delay)
    killed = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    while True:  # the workers have gone, too
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return killed
        assert time.monotonic() < deadline
        time.sleep(0.002)


def finish(command, folder):
    process = start(command, folder)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors.decode()


def contents(folder):
    """All files, hidden ones too; without the minute that audit.html states."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    for name in found:
        if name.endswith("audit.html"):
            found[name] = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", b"", found[name])
    return found


def align_under_kills(photos, tmp_path, kills, seed):
    rng = np.random.default_rng(seed)
    command = ["align", str(photos), "--out", "out", "--processes", "2"]
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    finish(command, tmp_path / "undisturbed")
    folder, out = tmp_path / "killed", tmp_path / "killed" / "out"

    def crops():
        return len(list(out.glob("*/[!.]*.jpg")))

    # The first kill falls into the start, the last one after the last crop.
    numbers = sorted(rng.integers(1, COPIES, kills - 2))
    moments = [
        lambda: (out / ".align.lock").exists(),
        *(lambda number=number: crops() >= number for number in numbers),
        lambda: (out / "manifest.csv").exists(),
    ]
    killed = 0
    for ready in moments:
        killed += kill_when(start(command, folder), ready, rng.uniform(0, 0.05))
    finish(command, folder)
    assert killed >= kills - 1  # the last one may come too late
    assert contents(folder) == contents(tmp_path / "undisturbed")


def records_under_kills(faces, tmp_path, kills, seed):
    rng = np.random.default_rng(seed)
    command = ["records", str(faces), "--out", "records", "--shards", "3"]
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    # What is not killed runs here: a process would first load TensorFlow.
    with contextlib.chdir(tmp_path / "undisturbed"):
        assert main(command) == 0
    folder, making = tmp_path / "killed", tmp_path / "killed" / ".records.making"
    killed = 0
    for begun in rng.integers(1, 4, kills):
        # A shard that is written has a hidden name; whole ones are beside it.
        process = start(command, folder)
        delay = rng.uniform(0, 0.02)
        killed += kill_when(process, lambda n=begun: count(making) >= n, delay)
    with contextlib.chdir(folder):
        assert main(command) == 0
    assert killed == kills
    assert contents(folder) == contents(tmp_path / "undisturbed")


def count(folder):
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.mark.slow
def test_alignment_survives_kills(photos, tmp_path):
    align_under_kills(photos, tmp_path, 2, seed=1)


@pytest.mark.slow
def test_alignment_survives_ten_kills(photos, tmp_path):
    align_under_kills(photos, tmp_path, 10, seed=2)


@pytest.mark.slow
def test_records_survive_a_kill(faces, tmp_path):
    records_under_kills(faces, tmp_path, 1, seed=3)


@pytest.mark.slow
def test_records_survive_ten_kills(faces, tmp_path):
    records_under_kills(faces, tmp_path, 10, seed=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["align", "synthesize"])
def test_the_workers_of_a_killed_process_end_too(photos, tmp_path, name):
    commands = {
        "align": ["align", str(photos), "--out", "out", "--processes", "2"],
        "synthesize": ["synthesize", "--out", "out", "--identities", "500"]
        + ["--images", "4"],
    }
    # Three crops, or two people: work for seconds is left.
    written = {"align": "out/*/[!.]*.jpg", "synthesize": ".out.making/*"}[name]
    process = start(commands[name], tmp_path)
    deadline = time.monotonic() + 300
    while len(list(tmp_path.glob(written))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()  # it alone
    process.communicate(timeout=30)  # its workers hold its stderr, too


@pytest.mark.parametrize(
    "name", ["align", pytest.param("records", marks=pytest.mark.slow)]
)
def test_two_runs_on_one_folder_exclude_each_other(photos, faces, tmp_path, name):
    out = tmp_path / "out"
    with contextlib.ExitStack() as held:
        if name == "records":
            source = faces
            held.enter_context(appearing(out))
        else:
            source = photos
            out.mkdir()
            held.enter_context(only_process(out / ".align.lock", out))
        process = start([name, str(source), "--out", "out"], tmp_path)
        _, errors = process.communicate(timeout=300)
    lines = errors.decode().splitlines()
    assert process.returncode == 2
    assert [line for line in lines if "another process is writing to" in line] == lines
    assert len(lines) == 1 and lines[0].startswith("error: ")
    shutil.rmtree(out, ignore_errors=True)
    assert list(tmp_path.iterdir()) == []


def test_lock_of_a_killed_process_is_taken_over(tmp_path):
    script = (
        "import os, sys, pathlib; from tf_sphereface.folder_lock import only_process\n"
        "lock = pathlib.Path(sys.argv[1])\n"
        "with only_process(lock, lock): os.kill(os.getpid(), 9)\n"
    )
    lock = tmp_path / ".lock"
    status = subprocess.run([sys.executable, "-c", script, str(lock)]).returncode
    assert status == -signal.SIGKILL and lock.exists()
    with only_process(lock, tmp_path):
        assert lock.exists()
    assert not lock.exists()
