"""Tests for the command `sphereface align`."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.align import main
from tf_sphereface.data.photos.kinds import readable_formats
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection import cached_networks


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(1)
    photo = render_photo(sample_identity(rng), sample_capture(rng, 5.0)).image
    (tmp_path / "photos" / "Ada").mkdir(parents=True)
    Image.fromarray(photo).save(tmp_path / "photos" / "Ada" / "1.jpg")
    (tmp_path / "photos" / "Ada" / "2.jpg").write_text("no image")
    return tmp_path / "photos"


def test_summary_is_json_on_stdout(source, tmp_path, capsys):
    assert main([str(source), "--out", str(tmp_path / "out"), "--processes", "1"]) == 0
    output = capsys.readouterr()
    summary = json.loads(output.out)
    assert f"audit: {tmp_path / 'out' / 'audit.html'}" in output.err
    assert summary.pop("seconds") > 0
    assert summary == {
        "photos": 2,
        "kept": 1,
        "dropped": {"not an image": 1},
        "identities": 1,
        "reused": 0,
        "other_files": 0,
        "excluded_identities": 0,
        "several_faces": 0,
        "found_by": {"first look": 1},
        "chosen_by": {},
    }


def test_audit_is_of_the_whole_manifest_and_names_the_source(source, tmp_path):
    command = [str(source), "--out", str(tmp_path / "out"), "--processes", "1"]
    assert main(command) == 0
    (source / "Ada" / "1.jpg").rename(source / "Ada" / "3.jpg")
    assert main([*command, "--no-thumbnails"]) == 0
    text = (tmp_path / "out" / "audit.html").read_text("utf-8")
    assert "<strong>1 of 2 photos</strong>" in text
    assert f"<dd>{source.name}</dd>" in text and "sphereface align" in text
    assert "<img" not in text


def test_options_reach_the_detector(source, tmp_path):
    options = "--smallest-face 30 --pyramid-factor 0.8 --thresholds 0.5 0.6 0.8"
    out = tmp_path / "out"
    assert main([str(source), "--out", str(out), *options.split()]) == 0
    detector = json.loads((out / "align.json").read_text())["settings"]["detector"]
    assert detector["smallest_face"] == 30
    assert detector["pyramid_factor"] == 0.8
    assert detector["thresholds"] == [0.5, 0.6, 0.8]


def test_no_face_in_any_photo_has_its_own_status(source, tmp_path, capsys):
    Image.new("RGB", (64, 64)).save(source / "Ada" / "1.jpg")
    assert main([str(source), "--out", str(tmp_path / "out")]) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["dropped"] == {"no face": 1, "not an image": 1}
    assert "error: no crop of any photo: 1 no face, 1 not an image\n" in output.err
    (source / "Ada" / "2.jpg").unlink()
    assert main([str(source), "--out", str(tmp_path / "out")]) == 1
    assert "error: no face in any photo\n" in capsys.readouterr().err


def test_photos_without_a_crop_or_a_row_are_said_in_a_line(
    source, tmp_path, capsys, monkeypatch
):
    formats = tuple(name for name in readable_formats() if name != "HEIF")
    for module in ("photos.images", "alignment.rows"):
        place = f"tf_sphereface.data.{module}.readable_formats"
        monkeypatch.setattr(place, lambda: formats)
    content = b"\0\0\0\x18ftypheicunreadable"
    (source / "Ada" / "3.HEIC").write_bytes(content)
    (source / "Ada" / "2004").mkdir()
    (source / "Ada" / "2004" / "1.jpg").write_bytes(content)
    (source / "Ada" / "film.mp4").touch()
    command = [str(source), "--out", str(tmp_path / "out"), "--processes", "1"]
    assert main(command) == 0
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if line.startswith("note: ")]
    assert json.loads(output.out)["other_files"] == 2
    assert lines[0].startswith("note: 1 photos below a person's folder were passed")
    assert lines[1] == "note: files that are no photos were passed over: 1 .mp4"
    assert "contains photos of people" in lines.pop()
    assert lines[2:] == [
        "note: 1 HEIC photos gave no crop (Ada/3.HEIC): "
        "pip install 'tf-sphereface[heic]', and run it again"
    ]
    assert main([*command, "--subfolders", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == 4
    assert "Ada/2004_1.jpg" in (tmp_path / "out" / "manifest.csv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pyramid-factor", "1.5"], "`pyramid_factor` must be between 0.1 and 0.9"),
        (["--smallest-face", "5"], "`smallest_face` must be at least 12"),
        (["--processes", "0"], "processes must be at least 1"),
    ],
)
def test_bad_option_is_one_line_and_nothing_is_written(
    source, tmp_path, capsys, options, message
):
    assert main([str(source), "--out", str(tmp_path / "out"), *options]) == 2
    output = capsys.readouterr()
    (line,) = [line for line in output.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert output.out == ""
    assert not (tmp_path / "out").exists()


def test_help_lists_the_kinds_of_photos(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert ".avif .bmp .dib" in " ".join(capsys.readouterr().out.split())


def test_missing_source_is_bad_input(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "error: no such folder" in capsys.readouterr().err


def test_out_that_is_a_file_is_bad_input(source, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    assert main([str(source), "--out", str(tmp_path / "out")]) == 2
    assert "error: " in capsys.readouterr().err


def test_command_needs_no_tensorflow(source, tmp_path):
    cached_networks()
    script = (
        "import sys; from tf_sphereface.commands.align import main\n"
        "status = main(sys.argv[1:])\n"
        "assert not {'tensorflow', 'keras', 'mtcnn'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    command = [
        sys.executable,
        "-c",
        script,
        str(source),
        "--out",
        str(tmp_path / "out"),
    ]
    subprocess.run([*command, "--processes", "1"], check=True, capture_output=True)


def test_beam_that_is_missing_is_named(source, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "tf_sphereface.data.alignment.beam", raising=False)
    options = ["--out", str(tmp_path / "out"), "--runner", "beam"]
    assert main([str(source), *options]) == 2
    assert "--runner beam needs the package apache-beam" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_options_after_the_dashes_are_for_beam_alone(source, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(source), "--out", str(tmp_path / "out"), "--", "--runner=Flink"])
    assert caught.value.code == 2
    assert "go with --runner beam" in capsys.readouterr().err


def test_networks_of_a_folder_are_used(source, tmp_path, capsys):
    options = ["--out", str(tmp_path / "out"), "--processes", "1"]
    assert main([str(source), *options, "--networks", str(tmp_path)]) == 2
    assert "pnet.tflite" in capsys.readouterr().err
    assert main([str(source), *options, "--networks", str(cached_networks())]) == 0
