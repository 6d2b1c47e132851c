"""Tests for the command `sphereface audit`."""

import json

import pytest

from tf_sphereface.commands.audit import main
from tf_sphereface.data.aligned.manifest import (
    DROPPED,
    ManifestRow,
    write_manifest_rows,
)
from tf_sphereface.data.aligned.settings import agree_on_settings


@pytest.fixture
def aligned(tmp_path):
    agree_on_settings(tmp_path / "aligned", {}, "0.0.0")
    row = ManifestRow("Ada/1.jpg", "Ada", DROPPED, "no face")
    write_manifest_rows(tmp_path / "aligned", {row.photo: row})
    return tmp_path / "aligned"


def test_result_is_json_on_stdout(aligned, capsys):
    assert main([str(aligned), "--seed", "3", "--no-thumbnails"]) == 0
    page = aligned / "audit.html"
    assert json.loads(capsys.readouterr().out) == {"audit": str(page)}
    assert "sphereface audit aligned --seed 3" in page.read_text("utf-8")


@pytest.mark.parametrize("options", [[], ["--no-thumbnails"]])
def test_faces_are_announced_where_the_page_is_made_and_on_it(aligned, capsys, options):
    assert main([str(aligned), *options]) == 0
    told = "audit.html contains photos of people; --no-thumbnails leaves them out"
    assert (told in capsys.readouterr().err) is not bool(options)
    page = (aligned / "audit.html").read_text("utf-8")
    assert ("This page contains photos of people" in page) is not bool(options)


def test_other_folder_is_bad_input(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "error: not an aligned folder" in capsys.readouterr().err


def test_negative_seed_is_bad_input(aligned, capsys):
    assert main([str(aligned), "--seed", "-1"]) == 2
    assert "error: seed must not be negative" in capsys.readouterr().err
