"""Tests for tf_sphereface.whole_folders and renames."""

import contextlib
import os
import signal
import stat

import pytest

from tests.test_files import killed_child
from tf_sphereface.errors import InputError
from tf_sphereface.renames import rename_new
from tf_sphereface.whole_folders import (
    appearing,
    changing,
    check_folder,
    link_all,
    make_once,
    write_together,
)


@pytest.fixture(params=["one step", "two steps"])
def steps(request, monkeypatch):
    """Both ways to exchange folders, the second as on systems without renameat2."""
    if request.param == "two steps":
        monkeypatch.setattr("tf_sphereface.whole_folders.exchange", lambda *_: False)


def write(out, content, change=changing):
    with change(out) as folder:
        (folder / "a.txt").write_text(content)


def names(folder):
    return sorted(os.listdir(folder))


def test_a_folder_is_exchanged_and_nothing_else_is_left(tmp_path, steps):
    out = tmp_path / "new" / "out"
    for content in ("1", "2"):
        write(out, content)
        assert (out / "a.txt").read_text() == content
        assert names(out.parent) == ["out"] and names(out) == ["a.txt"]


def test_a_failure_leaves_the_old_folder_and_no_new_parents(tmp_path):
    write(tmp_path / "out", "old")
    for out in (tmp_path / "out", tmp_path / "new" / "out"):
        with pytest.raises(RuntimeError), changing(out) as folder:
            (folder / "b.txt").touch()
            raise RuntimeError
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["a.txt"]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_kill_at_each_rename_or_removal_leaves_a_whole_folder(
    tmp_path, steps, monkeypatch, number
):
    out = tmp_path / "out"
    write(out, "old")

    def killed():
        done = []

        def watched(call):
            def watching(*arguments, **options):
                done.append(call)
                if len(done) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **options)

            return watching

        for name in ("rename", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, watched(getattr(os, name)))
        write(out, "new")

    killed_child(killed)
    with contextlib.suppress(FileNotFoundError):  # in the middle of two steps
        assert (out / "a.txt").read_text() in ("old", "new")
    with pytest.raises(RuntimeError), changing(out):
        # The next process finds a whole one in any case.
        assert (out / "a.txt").read_text() in ("old", "new")
        raise RuntimeError
    assert names(tmp_path) == ["out"]


def test_two_processes_do_not_write_one_folder(tmp_path, steps):
    out = tmp_path / "out"
    write(out, "old")
    with changing(out) as folder:
        with pytest.raises(InputError, match="another process is writing to"):
            write(out, "other")
        (folder / "a.txt").write_text("new")
    assert (out / "a.txt").read_text() == "new"


def test_the_folder_in_the_making_of_another_name_is_left(tmp_path):
    with changing(tmp_path / "a.making") as folder:
        write(tmp_path / "a", "x")
        assert folder.exists()
    assert names(tmp_path) == ["a", "a.making"]


def test_links_are_followed_before_any_work(tmp_path):
    (tmp_path / "real").mkdir()
    for name, target in (("full", "real/full"), ("dangling", "real/new")):
        (tmp_path / name).symlink_to(tmp_path / target)
        write(tmp_path / name, "x", appearing)
        assert (tmp_path / target / "a.txt").read_text() == "x"
        assert (tmp_path / name).is_symlink()
    assert names(tmp_path / "real") == ["full", "new"]


def test_what_lies_in_the_way_is_refused(tmp_path, monkeypatch):
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "a").touch()
    (tmp_path / ".out.making").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match="in the way"):
        write(tmp_path / "out", "x")
    assert names(tmp_path / "victim") == ["a"]
    monkeypatch.setattr("os.path.ismount", lambda path: str(path).endswith("disk"))
    for out in ("/", tmp_path / "disk"):
        with pytest.raises(InputError, match="no disk may be mounted"):
            write(out, "x")


def test_the_mode_is_that_of_the_umask_or_private(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "bundle", "x")
        with appearing(tmp_path / "faces", private=True):
            pass
        make_once(tmp_path / "cache", ["a"], lambda folder: (folder / "a").touch())
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {"bundle": 0o750, "faces": 0o700, "cache": 0o750}


def test_a_copy_of_a_folder_does_not_write_into_the_original(tmp_path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "a").write_text("x")
    (source / "link").symlink_to("/etc/passwd")
    (tmp_path / "copy").mkdir()
    link_all(source, tmp_path / "copy")
    assert (tmp_path / "copy" / "inner" / "a").samefile(source / "inner" / "a")
    assert (tmp_path / "copy" / "link").is_symlink()


def test_files_are_written_together_before_the_first_is_renamed(tmp_path, monkeypatch):
    write_together(tmp_path, {"a.json": b"1", "b.html": b"1"})

    def killed():
        replace, done = os.replace, []

        def once(*arguments):
            if done:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(replace(*arguments))

        monkeypatch.setattr(os, "replace", once)
        write_together(tmp_path, {"a.json": b"2", "b.html": b"2"})

    killed_child(killed)
    # The first named is the last.
    assert [(tmp_path / name).read_text() for name in ("a.json", "b.html")] == [
        "1",
        "2",
    ]
    write_together(tmp_path, {"a.json": b"3", "b.html": b"3"})
    assert names(tmp_path) == ["a.json", "b.html"]


def test_folders_that_cannot_be_written_to_are_refused_early(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "file" / "x")
    for out in ("file", "file/x", "dangling"):
        with pytest.raises(InputError, match="--out must be a folder"):
            check_folder("--out", tmp_path / out)
    check_folder("--out", tmp_path / "new" / "folder")
    assert names(tmp_path) == ["dangling", "file"]


def test_a_new_name_replaces_nothing(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr("tf_sphereface.renames._renameat2", lambda *_: False)
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "a", tmp_path / "b")
    rename_new(tmp_path / "a", tmp_path / "c")
    assert names(tmp_path) == ["b", "c"] and (tmp_path / "b").read_text() == "b"
