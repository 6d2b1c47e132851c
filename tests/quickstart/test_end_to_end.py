"""Tests for tf_sphereface.quickstart.end_to_end, on a small set."""

import contextlib
import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.commands.main import main
from tf_sphereface.deployment import ExportOptions, load_bundle
from tf_sphereface.deployment.sources import open_source
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.files import sha256_of
from tf_sphereface.quickstart import run_quickstart
from tf_sphereface.quickstart.end_to_end import _claim
from tf_sphereface.quickstart.formats import UNIT_LENGTH
from tf_sphereface.quickstart.photos import StarterPhotos, prepare_photos

SMALL = StarterPhotos(
    identities=10, images=4, unseen_identities=15, unseen_images=5, seed=5
)
USER = "secretuser"
FEW_STEPS = (
    "schedule.steps=6",
    "schedule.steps_per_epoch=3",
    "data.batch_size=16",
    "backbone.width_multiplier=0.125",
    "backbone.embedding_dim=16",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    # Of the user; a test looks for the name in all that commands write.
    out, told = tmp_path_factory.mktemp("home") / USER / "run", []

    def on_evaluated(result):
        assert (out / "report.html").exists() and result.matches is None
        told.append(result.models)

    result = run_quickstart(
        out, overrides=FEW_STEPS, starter=SMALL, on_evaluated=on_evaluated
    )
    assert told == [result.models]  # before the match, which may fail
    return out, result


def test_it_leaves_report_bundle_and_figures(finished):
    out, result = finished
    assert result.photos == 10 * 4 + 15 * 5
    assert result.detected > 0.8 * result.photos
    assert result.unseen_identities == 15
    assert result.steps == 6
    names = ["Keras", UNIT_LENGTH, "SavedModel", *(f"TFLite {n}" for n in VARIANTS)]
    assert [row.model for row in result.models] == names
    report = json.loads((out / "report.json").read_text())
    assert report["accuracy"] == pytest.approx(result.models[0].accuracy)
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert len(result.matches.pairs) == 10
    assert (out / "report.html").read_text().count("Ten pairs, matched") >= 1
    for name in ("train", "unseen"):
        assert (out / "aligned" / name / "audit.html").exists()
    saved = json.loads((out / "quickstart.json").read_text())
    assert saved["photos"] == result.photos
    assert saved["verdict"].startswith("These people are drawn by a program")


VARIANTS = ("none", "fp16", "dynamic", "int8")


def test_a_network_without_crops_is_refused_before_anything_is_written(tmp_path):
    narrow, recipe = tmp_path / "narrow.keras", tmp_path / "recipe.toml"
    SphereFaceCNN(4, embedding_dim=8, width_multiplier=0.0625, width=20).save(narrow)
    recipe.write_text(f"[fine_tuning]\ninitial_weights = '{narrow}'\n")
    for options in ({"overrides": ("backbone.width=20",)}, {"recipe": recipe}):
        with pytest.raises(InputError, match="no crops of 112 x 20: .* for the face"):
            run_quickstart(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


# By whole paths: {run} is the quickstart's folder, {home} that of the user above it.
COMMANDS = """
audit {run}/aligned/unseen
align {home}/photos --out {home}/aligned --processes 1
records {run}/aligned/unseen --out {home}/records
embed {run}/bundle --images {run}/aligned/unseen --out {home}/e.npz
evaluate {run} {lists} --thumbnails --out {home}/report
evaluate {home}/e.npz {lists} --out={home}/other
compare {home}/report {home}/other --out {home}/comparison
clean {run}/aligned/unseen --model {run}/embedding.keras --out {home}/c.csv --html {home}/c.html
cluster {home}/e.npz --images {run}/aligned/unseen --threshold 0.5 --out {home}/l.csv --html {home}/l.html --projector {home}/projector
import-weights {run}/{weights} --backbone sphereface4 --out {home}/imported.keras
import-weights {home}/imported.keras --backbone sphereface4 --out {home}/again.keras
export-weights {home}/again.keras --out {home}/w.safetensors
calibrate {home}/bundle {lists} --far 0.5
"""  # noqa: E501


def test_nothing_that_is_written_names_the_user(finished):
    """Folders of a user stand in no page, report, model or list, packed or not."""
    run, home, weights = finished[0], finished[0].parent, "from_my_rival.keras"
    lists = f"--images {run}/aligned/unseen --pairs {run}/pairs.txt --resamples 20"
    people = sorted((run / "photos" / "unseen").glob("*/"))
    shutil.copytree(people[0], home / "photos" / people[0].name)
    shutil.copy(run / "embedding.keras", run / weights)
    shutil.copytree(run / "bundle", home / "bundle")
    for line in COMMANDS.strip().splitlines():
        words = line.format(run=run, home=home, lists=lists, weights=weights).split()
        assert main(words) == 0, line
    written = {name: content for name, content in contents(home)}
    assert not [name for name, content in written.items() if USER.encode() in content]
    for kept in (b"evaluate run --images unseen", b"embedding.keras", b"--out=other"):
        assert any(kept in content for content in written.values())
    # A bundle is given away: its model's provenance is without names of files.
    told = open_source(home / "again.keras", ExportOptions()).model
    assert "rival" not in str(told) and "imported" not in str(told)
    assert told.provenance["sha256"] == sha256_of(home / "imported.keras")
    assert sha256_of(run / weights) in told.provenance["origin"]


def contents(folder):
    """(name, bytes) of all files, and of the members of archives."""
    for file in filter(Path.is_file, folder.rglob("*")):
        name, content = str(file.relative_to(folder)), file.read_bytes()
        yield name, content
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for member in archive.namelist():
                    yield f"{name}/{member}", archive.read(member)


def test_the_data_of_a_quickstart_are_noted_without_their_folder(tmp_path):
    for out, earlier in ((tmp_path / "a", None), (tmp_path / "b", "/x/photos")):
        if earlier:  # as earlier versions noted them
            out.mkdir()
            (out / "data.txt").write_text(earlier)
        _claim(out, str(tmp_path / "photos"))
        _claim(out, f"{tmp_path}/photos/")
        with pytest.raises(InputError, match="a quickstart on the folder photos"):
            _claim(out, str(tmp_path / "others"))
    assert (tmp_path / "a" / "data.txt").read_text() == "the folder photos"


def test_formats_agree_on_unseen_people(finished):
    out, result = finished
    faces = np.random.default_rng(0).integers(0, 256, (4, 112, 96, 3), np.uint8)
    keras_model = load_embedding_source(out / "embedding.keras").embed(faces)
    bundle = load_bundle(out / "bundle")
    for name in VARIANTS:
        other = bundle.embedder(name).embed(faces)
        cosines = (keras_model * other).sum(1) / (
            np.linalg.norm(keras_model, axis=1) * np.linalg.norm(other, axis=1)
        )
        assert cosines.min() > 0.97
    accuracy = {row.model: row.accuracy for row in result.models}
    assert accuracy["Keras"] == accuracy["TFLite none"]
    assert accuracy[UNIT_LENGTH] == accuracy["SavedModel"]


@pytest.mark.slow
def test_a_second_run_repeats_no_work_and_gives_the_same_figures(finished):
    out, result = finished
    crops = sorted((out / "aligned").rglob("*.jpg"))
    written = [crop.stat().st_mtime_ns for crop in crops]
    again = run_quickstart(out, overrides=FEW_STEPS, starter=SMALL)
    assert [crop.stat().st_mtime_ns for crop in crops] == written
    assert again.steps == 6
    accuracies = [[row.accuracy for row in run.models] for run in (result, again)]
    assert accuracies[0] == pytest.approx(accuracies[1])


def test_other_data_in_the_same_folder_is_refused(finished, tmp_path):
    out, _ = finished
    with pytest.raises(InputError, match="holds a quickstart on synthetic"):
        run_quickstart(out, "lfw")
    with pytest.raises(InputError, match="another recipe; give the same .*--set"):
        run_quickstart(out, overrides=(*FEW_STEPS, "schedule.steps=3"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="is not a quickstart folder"):
        run_quickstart(tmp_path / "mine")


def silent_bar(title, unit):
    return contextlib.nullcontext(lambda done, total: None)


def test_own_photos_are_split_by_person_without_loss(tmp_path):
    source = tmp_path / "people"
    for person in range(36):
        (source / f"Zoë {person}").mkdir(parents=True)
        for number in range(1 + person % 3):
            (source / f"Zoë {person}" / f"{number}.jpg").write_bytes(bytes([person]))
    split = prepare_photos(str(source), tmp_path / "out", None, silent_bar)
    train, unseen = (
        {str(p.relative_to(folder)) for p in folder.rglob("*.jpg")}
        for folder in (split.train, split.unseen)
    )
    everything = {str(p.relative_to(source)) for p in source.rglob("*.jpg")}
    assert train | unseen == everything
    people = [{name.split("/")[0] for name in part} for part in (train, unseen)]
    assert not people[0] & people[1]
    assert len(people[1]) == 10
    assert all(len(list((split.unseen / name).iterdir())) >= 2 for name in people[1])


def test_deeper_photos_are_split_if_asked_for(tmp_path):
    source = tmp_path / "people"
    for person in range(20):
        (source / str(person) / "2004").mkdir(parents=True)
        for name in ("1.jpg", "2004/1.jpg"):
            (source / str(person) / name).write_bytes(name.encode())
    told = "has 0 people with at least 2 photos.*--subfolders takes them"
    with pytest.raises(InputError, match=told):
        prepare_photos(str(source), tmp_path / "out", None, silent_bar)
    split = prepare_photos(str(source), tmp_path / "out", None, silent_bar, True)
    for folder in (split.train, split.unseen):
        found = {(path.name, path.read_text()) for path in folder.rglob("*.jpg")}
        assert found == {("1.jpg", "1.jpg"), ("2004_1.jpg", "2004/1.jpg")}


def test_photos_of_another_disk_are_copied_whole_and_through_no_link(
    tmp_path, monkeypatch
):
    def of_another_disk(source, target):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", of_another_disk)
    source, out = tmp_path / "people", tmp_path / "out"
    for person in range(20):
        (source / str(person)).mkdir(parents=True)
        for number in range(2):
            (source / str(person) / f"{number}.jpg").write_bytes(bytes(1000))
    split = prepare_photos(str(source), out, None, silent_bar)
    copies = sorted(out.rglob("*.jpg"))
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}
    for copy in copies[:2]:
        copy.unlink()
    copies[0].symlink_to(tmp_path / "absent.jpg")
    (copies[1].parent / f".sphereface.{'0' * 16}.tmp.jpg").write_bytes(bytes(500))
    prepare_photos(str(source), out, None, silent_bar)
    assert not (tmp_path / "absent.jpg").exists()
    assert [copy.read_bytes() for copy in copies] == [bytes(1000)] * 40
    assert not list(out.rglob(".*"))
    person = copies[0].parent
    shutil.rmtree(person)
    person.symlink_to(tmp_path)
    with pytest.raises(InputError, match="a link to one"):
        prepare_photos(str(source), out, None, silent_bar)
    assert split.train.is_dir() and not list(tmp_path.glob("*.jpg"))


def test_changed_photos_are_not_split_anew(tmp_path):
    """A new draw could move people that were trained on to those verified on."""
    source = tmp_path / "people"
    for person in range(20):
        (source / str(person)).mkdir(parents=True)
        for number in range(2):
            (source / str(person) / f"{number}.jpg").write_bytes(b"x")
    prepare_photos(str(source), tmp_path / "out", None, silent_bar)
    prepare_photos(str(source), tmp_path / "out", None, silent_bar)
    (source / "0" / "more.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="photos have changed"):
        prepare_photos(str(source), tmp_path / "out", None, silent_bar)


def test_a_wrong_recipe_or_folder_claims_nothing(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(InputError, match="no such folder"):
        run_quickstart(out, str(tmp_path / "absent"))
    with pytest.raises(InputError, match="unknown key"):
        run_quickstart(out, overrides=("a.b=1",))
    assert not out.exists()


def test_too_few_people_are_refused(tmp_path):
    (tmp_path / "people" / "Ada").mkdir(parents=True)
    (tmp_path / "people" / "Ada" / "1.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="quickstart needs 20"):
        prepare_photos(str(tmp_path / "people"), tmp_path / "out", None, silent_bar)


@pytest.mark.slow
def test_the_default_run_ends_with_the_promised_figures(tmp_path):
    """Minutes long: what `make quickstart` does, and what it must reach."""
    result = run_quickstart(tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["eer"] <= 0.05
    rows = {row.model: row for row in result.models}
    assert rows["TFLite none"].accuracy == rows["Keras"].accuracy
    assert rows["SavedModel"].accuracy == rows[UNIT_LENGTH].accuracy
    for name in ("TFLite dynamic", "TFLite int8"):
        assert rows[name].accuracy == pytest.approx(rows["Keras"].accuracy, abs=0.01)
    # At FAR 1 % a tenth of genuine pairs is rejected; one or two may be of these.
    assert result.matches.correct >= 8
    assert result.detected >= 0.95 * result.photos
