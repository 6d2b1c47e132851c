"""Tests for tf_sphereface.new_files."""

import os
import signal

import pytest

from tests.test_files import killed_child
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.new_files import new_files


def write(folder, content=b"x"):
    wanted = {"--out": folder / "list.csv", "--html": folder / "page.html"}
    with new_files(wanted) as made:
        for path in made.values():
            write_atomically(path, content)


def names(folder):
    return sorted(os.listdir(folder))


def test_files_appear_together_and_nothing_else_is_left(tmp_path):
    with new_files({"--out": tmp_path / "a.npz", "--html": None}) as made:
        assert list(made) == ["--out"] and made["--out"].suffix == ".npz"
        made["--out"].write_bytes(b"x")
        assert not (tmp_path / "a.npz").exists()
    assert names(tmp_path) == ["a.npz"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), new_files({"--out": tmp_path / "a"}) as made:
        made["--out"].write_bytes(b"half")
        raise RuntimeError
    assert names(tmp_path) == []


@pytest.mark.parametrize("renames", range(3))
def test_what_a_killed_process_made_gives_way_to_the_same_again(
    tmp_path, monkeypatch, renames
):
    def killed_at_rename(folder):
        done = []

        def rename(part, path):
            if len(done) == renames:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(os.rename(part, path))

        monkeypatch.setattr("tf_sphereface.new_files.rename_new", rename)
        monkeypatch.setattr(
            "tf_sphereface.new_files._Journal.__exit__",
            lambda *_: os.kill(os.getpid(), signal.SIGKILL),
        )
        write(folder, b"killed")

    killed_child(killed_at_rename, tmp_path)
    assert len(names(tmp_path)) == 3  # the journal, and each file or its part
    write(tmp_path, b"again")
    assert names(tmp_path) == ["list.csv", "page.html"]
    assert (tmp_path / "list.csv").read_bytes() == b"again"


def test_a_list_that_was_edited_since_the_kill_is_kept(tmp_path, monkeypatch):
    def killed_at_the_end(folder):
        monkeypatch.setattr(
            "tf_sphereface.new_files._Journal.__exit__",
            lambda *_: os.kill(os.getpid(), signal.SIGKILL),
        )
        write(folder)

    killed_child(killed_at_the_end, tmp_path)
    (tmp_path / "list.csv").write_text("reviewed")
    with pytest.raises(InputError, match="--out must be new"):
        write(tmp_path)
    assert (tmp_path / "list.csv").read_text() == "reviewed"


def test_a_file_that_came_meanwhile_is_kept_and_none_of_ours_stays(tmp_path):
    wanted = {"--out": tmp_path / "list.csv", "--html": tmp_path / "page.html"}
    late = pytest.raises(InputError, match="--html must be new")
    with late, new_files(wanted) as made:
        for path in made.values():
            path.touch()
        (tmp_path / "page.html").write_text("of the user")
    assert names(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "of the user"


def test_two_processes_do_not_write_one_file(tmp_path):
    with new_files({"--out": tmp_path / "a"}) as made:
        with pytest.raises(InputError, match="another process is writing to"):
            write_second(tmp_path)
        made["--out"].touch()
    assert names(tmp_path) == ["a"]


def write_second(folder):
    with new_files({"--out": folder / "a"}):
        pass


@pytest.mark.parametrize(
    ("lay", "message"),
    [
        (lambda f: (f / "a").symlink_to(f / "nowhere"), "--out must be new"),
        (lambda f: (f / ".a.parts").symlink_to(f / "victim"), "symbolic links"),
        (lambda f: os.link(f / "victim", f / ".a.parts"), "a file is in the way"),
        (lambda f: os.mkfifo(f / ".a.parts"), "a file is in the way"),
    ],
    ids=["dangling", "link", "hard link", "fifo"],
)
def test_what_lies_in_the_way_is_refused_before_any_work(tmp_path, lay, message):
    (tmp_path / "victim").write_text("of the user")
    lay(tmp_path)
    with pytest.raises((InputError, OSError), match=message):
        write_second(tmp_path)
    assert (tmp_path / "victim").read_text() == "of the user"
    assert not (tmp_path / "nowhere").exists()
