"""Tests for the command `sphereface records`."""

import json

import pytest
import tensorflow as tf
from PIL import Image

from tf_sphereface.commands.records import main
from tf_sphereface.data.records.writer import read_manifest


@pytest.fixture
def aligned(tmp_path):
    for identity, count in (("Ada", 3), ("Zoë", 2), ("Eve", 1)):
        (tmp_path / "aligned" / identity).mkdir(parents=True)
        for number in range(count):
            crop = Image.new("RGB", (96, 112), (10 * number, 0, 0))
            crop.save(tmp_path / "aligned" / identity / f"{number}.jpg")
    return tmp_path / "aligned"


def test_summary_is_json_on_stdout(aligned, tmp_path, capsys):
    names = tmp_path / "people.txt"
    names.write_text("Zoë\n\nAda\r\nEve\nNobody\n", encoding="utf-8")
    options = ["--shards", "2", "--min-images", "2", "--identities", str(names)]
    assert main([str(aligned), "--out", str(tmp_path / "out"), *options]) == 0
    output = capsys.readouterr()
    summary = json.loads(output.out)
    assert summary.pop("bytes") > 0
    assert summary == {
        "records": 5,
        "identities": 2,
        "shards": 2,
        "dropped_identities": 1,
        "missing_identities": 1,
        "excluded_crops": 0,
        "missing_crops": 0,
        "excluded_identities": 0,
        "template_crops": 0,
        "holdout_identities": 0,
        "holdout_crops": 0,
    }
    assert "note: 1 names of" in output.err
    assert read_manifest(tmp_path / "out").identities == ["Ada", "Zoë"]


def test_crops_of_another_program_are_what_the_options_say(aligned, tmp_path, capsys):
    said = ["--fit", "photo"]  # as the crops of the 2017 release, 112 x 96
    assert main([str(aligned), "--out", str(tmp_path / "out"), *said]) == 0
    crop = read_manifest(tmp_path / "out").crop
    assert (crop.height, crop.width, crop.fit) == (112, 96, "photo")
    said = ["--fit", "photo", "--size", "128x128", "--template", "norm_crop"]
    assert main([str(aligned), "--out", str(tmp_path / "more"), *said]) == 2
    assert "crops must be 128 x 128" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shards", "0"], "shards must be between 1"),
        (["--seed", "-1"], "seed must not be negative"),
        (["--holdout-identities", "2"], "leave 2 or more of 3. Received: 2"),
        (["--holdout-identities", "1.5"], "share between 0 and 1. Received: 1.5"),
        (["--exclude", "nowhere.txt"], "no such list of identities: nowhere.txt"),
        (["--min-images", "0"], "min_images must be at least 1"),
        (["--identities", "nowhere.txt"], "no such list of identities: nowhere.txt"),
    ],
)
def test_bad_option_is_one_line_and_nothing_is_written(
    aligned, tmp_path, capsys, options, message
):
    assert main([str(aligned), "--out", str(tmp_path / "out"), *options]) == 2
    output = capsys.readouterr()
    (line,) = [line for line in output.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert output.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


@pytest.mark.parametrize("value", ["a tenth", "10%"])
def test_share_that_is_no_number_is_explained(aligned, tmp_path, capsys, value):
    options = ["--out", str(tmp_path / "out"), f"--holdout-identities={value}"]
    with pytest.raises(SystemExit) as stop:
        main([str(aligned), *options])
    assert stop.value.code == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "or a share between 0 and 1 such as 0.1. Received: " in error


def test_names_to_exclude_that_are_not_there_are_told(aligned, tmp_path, capsys):
    names = tmp_path / "test_people.txt"
    names.write_text("Ada\nNobody\n", encoding="utf-8")
    options = ["--out", str(tmp_path / "out"), "--exclude", str(names)]
    assert main([str(aligned), *options]) == 0
    error = capsys.readouterr().err
    assert f"note: 1 of 2 names of {names} are not there" in error


def test_the_current_folder_cannot_become_records(
    aligned, tmp_path, capsys, monkeypatch
):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main([str(aligned), "--out", "."]) == 2
    assert "is the current folder or above it" in capsys.readouterr().err
    assert list(tmp_path.joinpath("empty").iterdir()) == []


def test_full_disk_is_one_line(aligned, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    assert main([str(aligned), "--out", str(tmp_path / "out")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


def test_missing_folder_is_bad_input(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "error: no such folder" in capsys.readouterr().err
