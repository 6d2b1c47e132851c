"""Tests for the command `sphereface synthesize`."""

import json
import subprocess
import sys

import pytest

from tf_sphereface.commands import synthesize


def command_line(out, *extra):
    plain = ["--identities", "1", "--images", "2", "--seed", "3", "--processes", "1"]
    return ["--out", str(out), *plain, *extra]


def test_command_writes_photos_and_a_json_summary(tmp_path, capsys):
    assert synthesize.main(command_line(tmp_path / "faces")) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["photos"], report["identities"], report["seed"]) == (2, 1, 3)
    assert len(list((tmp_path / "faces").glob("person_00000/*.jpg"))) == 2


def test_command_refuses_a_folder_with_files(tmp_path, capsys):
    (tmp_path / "holiday.txt").write_text("mine")
    assert synthesize.main(command_line(tmp_path)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("error: --out must be")
    assert list(tmp_path.iterdir()) == [tmp_path / "holiday.txt"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--identities", "0"),
        ("--images", "-1"),
        ("--seed", "-1"),
        ("--first-identity", "-5"),
        ("--processes", "0"),
        ("--max-yaw", "90"),
        ("--max-yaw", "nan"),
    ],
)
def test_command_names_the_bad_option_in_one_line(tmp_path, capsys, option, value):
    assert synthesize.main(command_line(tmp_path / "new", option, value)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option} must be") and error.count("\n") == 1
    assert f"Received: {value}" in error
    assert not (tmp_path / "new").exists()


def test_rendering_does_not_load_tensorflow():
    modules = "tf_sphereface.data.synthetic, tf_sphereface.commands.synthesize"
    check = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
