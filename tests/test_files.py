"""Tests for tf_sphereface.files."""

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import warnings

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.files import (
    remove_torn_files,
    replacing,
    scratch_folder,
    write_atomically,
    write_inside,
)


def test_content_replaces_the_old_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_failure_leaves_the_old_content_and_no_temporary_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="disk"), replacing(path) as temporary:
        assert temporary.suffix == ".tflite"
        temporary.write_bytes(b"half")
        raise RuntimeError("disk")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.tflite"]


def test_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="missing"):
        write_atomically(tmp_path / "missing" / "a.bin", b"new")


def killed_child(work, *arguments):
    """Runs a function in a fork that kills itself at the end of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the child calls no library with threads
        child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            work(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def half_written(path):
    context = replacing(path)
    context.__enter__().write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_writer_leaves_the_old_content_and_the_next_one_removes_the_rest(
    tmp_path,
):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    killed_child(half_written, path)
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    write_atomically(tmp_path / "b.bin", b"new")
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "b.bin"]


def test_what_a_living_process_writes_is_no_torn_file(tmp_path):
    path = tmp_path / "a.bin"
    with replacing(path) as temporary, scratch_folder(tmp_path) as folder:
        (folder / "b").touch()
        script = "import sys, pathlib; from tf_sphereface.files import *\n"
        script += "remove_torn_files(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", script, tmp_path], check=True)
        assert (folder / "b").exists()
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["a.bin"]


def test_only_names_of_ours_are_torn_files(tmp_path):
    names = [".123.tmp.x.jpg", ".sphereface.note", ".sphereface.0123.tmp", "a.tmp"]
    for name in names:
        (tmp_path / name).touch()
    torn = tmp_path / f".sphereface.{'0' * 16}.tmp.jpg"
    torn.touch()
    os.mkfifo(tmp_path / f".sphereface.{'1' * 16}.tmp")  # waits for nobody
    (tmp_path / f".sphereface.{'2' * 16}.tmp").symlink_to(torn)
    remove_torn_files(tmp_path)
    left = set(os.listdir(tmp_path))
    assert left == {*names, f".sphereface.{'2' * 16}.tmp"}


@pytest.mark.parametrize("write", ["write_atomically", "replacing", "write_inside"])
def test_temporary_names_are_random_and_links_are_not_followed(
    tmp_path, monkeypatch, write
):
    victim = tmp_path / "victim"
    victim.write_text("of the user")
    path = tmp_path / "folder" / "a.bin"
    path.parent.mkdir()
    path.symlink_to(victim)
    renamed = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (renamed.append(a), replace(a, b)))
    for content in (b"1", b"2"):
        if write == "replacing":
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        elif write == "write_inside":
            write_inside(tmp_path, "folder/a.bin", content)
        else:
            write_atomically(path, content)
    assert victim.read_text() == "of the user"
    assert path.read_bytes() == b"2" and not path.is_symlink()
    hexes = [re.search(r"[0-9a-f]{16}", str(name))[0] for name in renamed]
    assert len(set(hexes)) == 2
    # A name that was guessed is refused, whatever lies there.
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 16)
    guessed = path.parent / f".sphereface.{'0' * 16}.tmp.bin"
    guessed.symlink_to(victim)
    (path.parent / f".sphereface.{'0' * 16}.tmp").symlink_to(tmp_path)
    with pytest.raises(FileExistsError):
        if write == "replacing":
            with replacing(path):
                pass
        else:
            write_inside(tmp_path, "folder/a.bin", b"3")
    assert victim.read_text() == "of the user"


def test_faces_are_for_their_owner_alone_and_the_umask_holds(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "list", b"")
        write_atomically(tmp_path / "faces", b"", private=True)
        with replacing(tmp_path / "model"), replacing(tmp_path / "npz", private=True):
            pass
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {"list": 0o640, "faces": 0o600, "model": 0o640, "npz": 0o600}


def test_the_folder_of_one_of_many_files_must_be_no_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Ada").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="a link to one: .*Ada; nothing is written"):
        write_inside(tmp_path / "out", "Ada/1.jpg", b"x")
    assert not os.listdir(tmp_path / "elsewhere")


def test_the_longest_legal_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".jpg")
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
