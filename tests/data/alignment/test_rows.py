"""Tests for tf_sphereface.data.alignment.rows, and for the memory of an alignment."""

import csv
import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tf_sphereface.data.aligned.manifest import (
    ManifestRow,
    read_manifest_rows,
    row_to_line,
)
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.alignment.rows import AlignmentRows, Journal
from tf_sphereface.data.photos.kinds import PassedOver
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.detection import cached_networks


def row(photo, crop="", **fields):
    status = "kept" if crop else "dropped"
    identity = photo.partition("/")[0]
    return ManifestRow(photo, identity, status, crop=crop, **fields)


def test_manifest_is_sorted_as_python_sorts_names(tmp_path):
    names = ["Zoë/1.jpg", "a/1.jpg", "B/1, 2.jpg", "é/1.jpg", "𝔸/1.jpg", "\uffee/1.jpg"]
    with AlignmentRows() as rows:
        rows.add([row(name) for name in names])
        rows.write_manifest(tmp_path)
    with open(tmp_path / "manifest.csv", newline="", encoding="utf-8") as file:
        assert [line["photo"] for line in csv.DictReader(file)] == sorted(names)


def test_rows_come_back_as_they_were(tmp_path):
    points = tuple(np.round(np.linspace(-1, 300, 10), 3).tolist())
    kept = row("A/1.jpg", "A/1.jpg", faces=2, score=0.987654, landmarks=points)
    kept = ManifestRow(**{**vars(kept), "box": (1.5, 2.25, 30.125, 4.0), "bytes": 7})
    kept = dataclasses.replace(kept, landmark_confidence=0.9876, found_by="second look")
    kept = dataclasses.replace(kept, chosen_by="consistent", vote_margin=-0.0123)
    with Journal(tmp_path) as journal:
        journal.append([row("A/2.jpg", reason='a "b", c'), kept])
    with AlignmentRows() as rows:
        rows.load(tmp_path)
        assert rows.known("A/1.jpg") == kept
        assert rows.known("A/2.jpg").reason == 'a "b", c'
        assert rows.known("A/3.jpg") is None


EARLIER = (
    "photo,identity,status,reason,crop,faces,score,x1,y1,x2,y2,left_eye_x,left_eye_y,"
    "right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,left_mouth_y,right_mouth_x,"
    "right_mouth_y,bytes,modified_ns\n"
    "A/1.jpg,A,kept,,A/1.jpg,1,0.999000,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n"
    "A/2.jpg,A,dropped,no face,,0,,,,,,,,,,,,,,,,15,16\n"
)


def test_rows_of_an_earlier_version_are_read_and_kept(tmp_path):
    (tmp_path / "manifest.csv").write_text(EARLIER)
    with Journal(tmp_path) as journal:
        journal.append([row("A/3.jpg", "A/3.jpg", landmark_confidence=0.5)])
    rows = read_manifest_rows(tmp_path)
    assert list(rows) == ["A/1.jpg", "A/2.jpg", "A/3.jpg"]
    assert rows["A/1.jpg"].landmarks[-2:] == (13, 14)
    assert (rows["A/1.jpg"].bytes, rows["A/1.jpg"].modified_ns) == (15, 16)
    assert np.isnan(rows["A/1.jpg"].landmark_confidence)
    assert rows["A/3.jpg"].landmark_confidence == 0.5


@pytest.mark.parametrize("fields", range(1, 27))
def test_a_torn_line_is_no_line_of_an_earlier_version(tmp_path, fields):
    kept = row("A/1.jpg", "A/1.jpg", faces=1, score=0.9, found_by="first look")
    numbers = tuple(map(float, range(10)))
    kept = dataclasses.replace(
        kept, box=numbers[:4], landmarks=numbers, landmark_confidence=1.0
    )
    torn = ",".join(row_to_line(kept).split(",")[:fields])
    (tmp_path / "manifest.partial.csv").write_text(torn)
    assert read_manifest_rows(tmp_path) == {}


def test_newer_rows_replace_older_ones(tmp_path):
    with AlignmentRows() as rows:
        rows.add([row("A/1.jpg", reason="no face"), row("A/2.jpg", "A/2.jpg")])
        rows.add([row("A/1.jpg", "A/1.jpg")])
        assert rows.count_kept() == (2, 1)
        assert rows.count_dropped() == {}
        rows.write_manifest(tmp_path)
    assert list(read_manifest_rows(tmp_path)) == ["A/1.jpg", "A/2.jpg"]


def test_orphans_are_crops_that_no_row_names_any_more(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([row(f"{name}/1.jpg", f"{name}/1.jpg") for name in "ABC"])
        journal.append([row("D/1.jpg", reason="no face")])
    with AlignmentRows() as rows:
        rows.load(tmp_path)
        rows.add([row("A/1.jpg", "A/1.jpg"), row("B/1.jpg", reason="no face")])
        assert sorted(rows.orphans()) == ["B/1.jpg", "C/1.jpg"]
        assert sorted(rows.identities()) == ["A", "B", "C", "D"]
        assert rows.known_are_of(["X/1.jpg", "D/1.jpg"])
        assert not rows.known_are_of(["X/1.jpg"])


class Listing:
    """A source of many photos that are never read."""

    aligned, passed_over, path = False, PassedOver(), Path("nowhere")

    def __init__(self, count):
        self.names = tuple(
            f"person{number // 50:05d}/photo_{number:06d}.jpg"
            for number in range(count)
        )

    def photo(self, name):
        return Photo(name, name, 12345, 1_700_000_000_000_000_000)

    def reader(self):
        return None


def no_work(task, items, count):
    """A runner that aligns nothing and has a row for each photo."""
    for item in items:
        numbers = np.random.default_rng(0).uniform(0, 250, 14).tolist()
        yield [
            ManifestRow(
                item.photo.name,
                item.photo.name.partition("/")[0],
                "kept",
                crop=item.photo.name,
                faces=1,
                score=0.99,
                box=tuple(numbers[:4]),
                landmarks=tuple(numbers[4:]),
                bytes=item.photo.bytes,
                modified_ns=item.photo.modified_ns,
            )
        ]


@pytest.mark.slow
@pytest.mark.parametrize("resumed", [False, True])
def test_memory_hardly_grows_with_the_number_of_photos(tmp_path, resumed):
    networks, peaks = cached_networks(), []
    for count in (500, 2500):
        source, out = Listing(count), tmp_path / str(count)
        for again in (False, True)[: 1 + resumed]:
            tracemalloc.start()
            summary = align_photos(source, out, networks=networks, runner=no_work)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert summary.kept == count and not (again and summary.reused)
    step = 1 + resumed
    growth = (peaks[-1] - peaks[step - 1]) / 2000
    # The names themselves are made before; a row is about 1,800 bytes of objects.
    assert growth < 600
