"""Tests for tf_sphereface.data.alignment.align."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.manifest import read_manifest_rows
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection import MTCNNSettings
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import align_face

PEOPLE = ("Ada", "Grace", "Zoë Ünal")


@pytest.fixture(scope="module")
def rendered():
    rng = np.random.default_rng(5)
    return [
        render_photo(sample_identity(rng), sample_capture(rng, 10.0)).image
        for _ in range(6)
    ]


@pytest.fixture
def source(tmp_path, rendered):
    """Three people with two photos each."""
    folder = tmp_path / "photos"
    for number, photo in enumerate(rendered):
        person = folder / PEOPLE[number // 2]
        person.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(person / f"my photo {number}.jpg", quality=95)
    return folder


def read_table(out):
    with open(out / "manifest.csv", newline="", encoding="utf-8") as file:
        return {row["photo"]: row for row in csv.DictReader(file)}


def contents(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_crops_have_the_names_of_the_photos_and_their_faces(source, tmp_path):
    out = tmp_path / "out"
    summary = align_photos(source, out, processes=1)
    assert (summary.photos, summary.kept, summary.identities) == (6, 6, 3)
    for name, row in read_table(out).items():
        assert row["status"] == "kept"
        assert row["crop"] == name
        points = [float(row[key]) for key in row if key.endswith(("_x", "_y"))]
        photo = read_photo(source / name)
        expected = align_face(photo, np.reshape(points, (5, 2))).astype(int)
        crop = np.asarray(Image.open(out / name)).astype(int)
        assert crop.shape == (112, 96, 3)
        assert np.abs(crop - expected).mean() < 4  # JPEG; a BGR mix-up has 20 and more


def test_every_photo_has_a_row_with_a_reason(source, tmp_path):
    folder = source / "Ada"
    (folder / "text.jpg").write_text("hello")
    Image.new("RGB", (200, 200)).save(folder / "black.png")
    Image.new("RGB", (15, 200)).save(folder / "thin.png")
    whole = (folder / "my photo 0.jpg").read_bytes()
    (folder / "torn.jpeg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / ".hidden.jpg").write_bytes(whole)
    (folder / "notes.txt").write_text("not a photo")
    (source / "beside.jpg").write_bytes(whole)
    (folder / "deeper").mkdir()
    summary = align_photos(source, tmp_path / "out", processes=1)
    dropped = {
        name: row["reason"]
        for name, row in read_table(tmp_path / "out").items()
        if row["status"] == "dropped"
    }
    assert dropped == {
        "Ada/black.png": "no face",
        "Ada/empty.jpg": "not an image",
        "Ada/text.jpg": "not an image",
        "Ada/thin.png": "too small",
        "Ada/torn.jpeg": "damaged image",
    }
    assert summary.dropped == {
        "damaged image": 1,
        "no face": 1,
        "not an image": 2,
        "too small": 1,
    }
    assert (summary.photos, summary.kept, summary.other_files) == (11, 6, 2)


def test_second_run_does_only_what_is_missing(source, tmp_path, rendered, caplog):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    (out / "Ada" / "my photo 0.jpg").unlink()  # a lost crop
    Image.fromarray(rendered[0]).save(source / "Grace" / "new.png")  # a new photo
    Image.fromarray(rendered[1]).save(source / "Grace" / "my photo 2.jpg")  # changed
    shutil.rmtree(source / "Zoë Ünal")  # photos that have gone
    calls = []
    summary = align_photos(
        source, out, processes=1, progress=lambda *call: calls.append(call)
    )
    assert summary.reused == 2
    assert caplog.messages == ["2 earlier crops, which no photo gives any more, went"]
    assert calls[-1] == (3, 3)
    assert sorted(contents(out)) == [
        "Ada/my photo 0.jpg",
        "Ada/my photo 1.jpg",
        "Grace/my photo 2.jpg",
        "Grace/my photo 3.jpg",
        "Grace/new.png.jpg",
        "align.json",
        "manifest.csv",
    ]
    assert not (out / "Zoë Ünal").exists()
    assert sorted(read_table(out)) == sorted(list_photos(source).photos)
    for path in (out / "Ada" / "my photo 1.jpg", out / "Grace" / "my photo 3.jpg"):
        assert path.stat().st_mtime_ns == before[path]
    fresh = tmp_path / "fresh"
    align_photos(source, fresh, processes=1)
    assert contents(fresh) == contents(out)


def test_photo_that_loses_its_face_loses_its_crop(source, tmp_path):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    Image.new("RGB", (99, 99)).save(source / "Ada" / "my photo 0.jpg")
    align_photos(source, out, processes=1)
    assert not (out / "Ada" / "my photo 0.jpg").exists()
    assert read_table(out)["Ada/my photo 0.jpg"]["reason"] == "no face"


def test_processes_give_what_one_process_gives(source, tmp_path):
    for number in range(12):
        shutil.copy(source / "Ada" / "my photo 0.jpg", source / f"Ada/copy{number}.jpg")
    align_photos(source, tmp_path / "one", processes=1)
    align_photos(source, tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_kill_in_the_middle_loses_nothing(source, tmp_path):
    for number in range(90):
        shutil.copy(source / "Ada" / "my photo 0.jpg", source / f"Ada/copy{number}.jpg")
    out, journal = tmp_path / "out", tmp_path / "out" / "manifest.partial.csv"
    script = (
        "import sys; from tf_sphereface.commands.align import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script, str(source), "--out", str(out)]
    with subprocess.Popen([*command, "--processes", "1"]) as process:
        deadline = time.monotonic() + 60
        while not (journal.exists() and journal.read_text().count("\n") > 20):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not (out / "manifest.csv").exists()
    done = len(read_manifest_rows(out))
    assert 0 < done < 96
    with open(journal, "a") as file:
        file.write('Ada/torn.jpg,Ada,kept,,"Ada/torn')  # as a crash tears a line
    (out / "Ada" / ".sphereface.0123456789abcdef.tmp.jpg").write_bytes(b"half a crop")
    summary = align_photos(source, out, processes=1)
    assert (summary.reused, summary.kept) == (done, 96)
    align_photos(source, tmp_path / "undisturbed", processes=1)
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.slow
def test_workers_end_with_their_killed_parent(source, tmp_path):
    for number in range(120):
        shutil.copy(source / "Ada" / "my photo 0.jpg", source / f"Ada/copy{number}.jpg")
    out = tmp_path / "out"
    script = (
        "import sys; from tf_sphereface.commands.align import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script, str(source), "--out", str(out)]
    with subprocess.Popen([*command, "--processes", "2"], process_group=0) as process:
        deadline = time.monotonic() + 60
        while not list(out.rglob("*.jpg")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        for _ in range(1000):  # until the whole group has gone
            os.killpg(process.pid, 0)
            time.sleep(0.01)


def test_other_settings_are_refused_by_name(source, tmp_path):
    align_photos(source, tmp_path / "out", processes=1)
    before = contents(tmp_path / "out")
    with pytest.raises(InputError, match=r"detector.pyramid_factor is 0.709 .* 0.85"):
        align_photos(
            source, tmp_path / "out", MTCNNSettings(pyramid_factor=0.85), processes=1
        )
    assert contents(tmp_path / "out") == before


def test_folder_with_other_files_is_refused(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("important")
    with pytest.raises(InputError, match="--out must be new, empty"):
        align_photos(source, tmp_path / "out", processes=1)


def test_crops_of_other_photos_are_not_removed(source, tmp_path):
    align_photos(source, tmp_path / "out", processes=1)
    other = tmp_path / "other"
    (other / "Eve").mkdir(parents=True)
    Image.new("RGB", (50, 50)).save(other / "Eve" / "1.jpg")
    with pytest.raises(InputError, match="crops of other photos"):
        align_photos(other, tmp_path / "out", processes=1)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 6


@pytest.mark.parametrize("inner", ["photos/crops", "photos", "."])
def test_out_and_source_must_not_be_nested(source, tmp_path, inner):
    with pytest.raises(InputError, match="--out must be apart from"):
        align_photos(source, tmp_path / inner, processes=1)


def test_damaged_manifest_is_named(source, tmp_path):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    text = (out / "manifest.csv").read_text()
    (out / "manifest.csv").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="damaged manifest: .*manifest.csv"):
        align_photos(source, out, processes=1)


@pytest.mark.parametrize("made_again", [True, False], ids=["crop", "orphan"])
def test_a_link_in_an_aligned_folder_from_elsewhere_is_not_followed(
    source, tmp_path, made_again
):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    align_photos(source, out, processes=1)
    (out / "Ada").rename(elsewhere)
    (out / "Ada").symlink_to(elsewhere)
    if made_again:
        (elsewhere / "my photo 0.jpg").unlink()
    else:
        (source / "Ada" / "my photo 0.jpg").unlink()
    before = contents(elsewhere)
    with pytest.raises(InputError, match="or a link to one: .*Ada"):
        align_photos(source, out, processes=1)
    assert contents(elsewhere) == before


def test_a_journal_that_is_a_link_is_not_written_to(source, tmp_path):
    out, victim = tmp_path / "out", tmp_path / "victim"
    align_photos(source, out, processes=1)
    victim.write_text("of the user")
    (out / "manifest.partial.csv").symlink_to(victim)
    (out / "Ada" / "my photo 0.jpg").unlink()
    with pytest.raises(OSError, match="symbolic links"):
        align_photos(source, out, processes=1)
    assert victim.read_text() == "of the user"


def test_torn_files_of_a_person_who_has_gone_go_too(source, tmp_path):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    (out / "Ada" / f".sphereface.{'0' * 16}.tmp.jpg").write_bytes(b"half a crop")
    shutil.rmtree(source / "Ada")
    align_photos(source, out, processes=1)
    assert not (out / "Ada").exists()


def test_crops_are_for_their_owner_alone(source, tmp_path):
    out = tmp_path / "out"
    align_photos(source, out, processes=1)
    modes = {path: path.stat().st_mode & 0o777 for path in (out, *out.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    private = {path: mode for path, mode in modes.items() if path.is_file()}
    assert private.pop(out / "align.json") & 0o044  # says nothing of anyone
    assert set(private.values()) == {0o600}
