"""Tests for tf_sphereface.data.alignment.beam, on Beam's runner of this machine.

They need apache-beam, which the README says how to install; in an environment without
TensorFlow: pytest --noconftest tests/data/alignment/test_beam.py
"""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="apache-beam is not installed")

from tf_sphereface.commands.align import main
from tf_sphereface.data.alignment import beam as alignment_beam
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.alignment.beam import BeamRunner
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Beam's own


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Twenty photos of three people, one with two faces, and one that is torn."""
    folder, rng = tmp_path_factory.mktemp("beam") / "photos", np.random.default_rng(4)
    for person in ("Ada", "Grace", "Zoë Ünal"):
        (folder / person).mkdir(parents=True)
        identity = sample_identity(rng)
        images = [
            render_photo(identity, sample_capture(rng, 10.0)).image for _ in range(2)
        ]
        for number in range(6):
            path = folder / person / f"my photo {number}.jpg"
            Image.fromarray(images[number % 2]).save(path, quality=95)
    pair = np.concatenate(images, axis=1)
    Image.fromarray(pair).save(folder / "Ada" / "two.png")
    (folder / "Ada" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return folder


def contents(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != "audit.html"
    }


@pytest.mark.parametrize("choice", ["centre", "all"])
def test_pipeline_writes_what_the_local_runner_writes(source, tmp_path, choice):
    local = align_photos(source, tmp_path / "local", processes=1, choice=choice)
    piped = align_photos(source, tmp_path / "beam", choice=choice, runner=BeamRunner())
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert (piped.photos, piped.kept, piped.dropped) == (
        local.photos,
        local.kept,
        local.dropped,
    )


def test_pipeline_does_what_is_missing_and_removes_what_was_left(source, tmp_path):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    expected = contents(out)
    shutil.rmtree(out / "Grace")
    (out / ".sphereface.0123456789abcdef.tmp").mkdir()  # of a pipeline that was killed
    (out / ".sphereface.0123456789abcdef.tmp" / "rows-00000-of-00001").write_text(
        "half a row"
    )
    summary = align_photos(source, out, runner=BeamRunner())
    assert summary.reused == 14  # of 20
    assert contents(out) == expected


def test_spans_of_an_archive_and_given_landmarks_reach_the_workers(source, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "photos"), "tar", source)
    points = (90.0, 100.0, 150.0, 100.0, 120.0, 130.0, 95.0, 160.0, 145.0, 160.0)
    landmarks = {"Ada/my photo 0.jpg": points, "Grace/my photo 1.jpg": points}
    for name, runner in (("local", None), ("beam", BeamRunner())):
        align_photos(
            tmp_path / "photos.tar",
            tmp_path / name,
            processes=1,
            landmarks=landmarks,
            runner=runner,
        )
    assert archive.endswith("photos.tar")
    found = contents(tmp_path / "beam")
    assert found == contents(tmp_path / "local")
    assert "Grace/my photo 1.jpg" in found


def test_command_passes_options_after_the_dashes_to_beam(
    source, tmp_path, capsys, monkeypatch
):
    seen, options_class = [], alignment_beam.PipelineOptions

    def options(given):
        seen.extend(given)
        return options_class(given)

    monkeypatch.setattr(alignment_beam, "PipelineOptions", options)
    out = tmp_path / "out"
    command = [str(source), "--out", str(out), "--runner", "beam"]
    assert main([*command, "--", "--runner=DirectRunner"]) == 0
    assert seen == ["--runner=DirectRunner"]
    kept = json.loads(capsys.readouterr().out)["kept"]
    assert kept == len(list(out.glob("*/*.jpg"))) > 10
    assert not list(out.glob(".*"))


def test_processes_are_for_the_local_runner(source, tmp_path, capsys):
    options = ["--out", str(tmp_path / "out"), "--runner", "beam", "--processes", "2"]
    assert main([str(source), *options]) == 2
    assert "--processes goes with --runner local" in capsys.readouterr().err
