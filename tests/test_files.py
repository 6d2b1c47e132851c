"""Tests for tf_sphereface.files."""

import os
import signal
import subprocess
import sys

import pytest

from tf_sphereface.files import replacing, write_atomically


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


def test_killed_writer_leaves_the_old_content(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    script = (
        "import pathlib, sys, time\n"
        "from tf_sphereface.files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"written"
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"


def test_the_longest_legal_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".jpg")
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
