"""Tests for tf_sphereface.data.synthetic: folders of photos and their table."""

import csv

import cv2
import numpy as np
import pytest

from tf_sphereface.data.synthetic import (
    LANDMARK_COLUMNS,
    render_photo,
    sample_capture,
    sample_identity,
    write_synthetic_faces,
)


def files_under(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("faces")
    steps = []
    summary = write_synthetic_faces(out, 3, 2, 7, processes=1, progress=steps.append)
    return out, summary, steps


def test_files_do_not_depend_on_the_number_of_processes(written, tmp_path):
    write_synthetic_faces(tmp_path, 3, 2, 7, processes=2)
    assert files_under(tmp_path) == files_under(written[0])


def test_a_person_does_not_depend_on_the_range_asked_for(written, tmp_path):
    write_synthetic_faces(tmp_path, 1, 1, 7, first_identity=2, processes=1)
    name = "person_00002/person_00002_0001.jpg"
    assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes()


def test_other_seeds_and_other_photos_differ(written, tmp_path):
    write_synthetic_faces(tmp_path, 1, 1, 8, processes=1)
    first = "person_00000/person_00000_0001.jpg"
    assert (tmp_path / first).read_bytes() != (written[0] / first).read_bytes()
    photos = [data for name, data in files_under(written[0]).items() if "jpg" in name]
    assert len(set(photos)) == 6


def test_layout_and_landmark_table(written):
    out, summary, steps = written
    names = [
        f"person_{k:05d}/person_{k:05d}_{j:04d}.jpg" for k in range(3) for j in (1, 2)
    ]
    assert sorted(files_under(out)) == ["landmarks.csv", *names]
    with open(out / "landmarks.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == LANDMARK_COLUMNS and len(header) == 14
    assert [row[0] for row in rows] == names
    assert np.isfinite(np.array([row[1:] for row in rows], float)).all()
    assert (summary.identities, summary.photos, steps) == (3, 6, [2, 2, 2])
    image = cv2.imread(str(out / names[0]))
    assert image.shape == (250, 250, 3)


def test_table_holds_the_landmarks_of_its_photo(written):
    seeds = (np.random.SeedSequence(key) for key in ([7, 1], [7, 1, 2]))
    who, how = (np.random.default_rng(seed) for seed in seeds)
    photo = render_photo(sample_identity(who), sample_capture(how))
    with open(written[0] / "landmarks.csv", newline="") as file:
        row = list(csv.reader(file))[4]  # header, then two photos of person 0
    assert row[0] == "person_00001/person_00001_0002.jpg"
    numbers = np.array(row[1:], float)
    np.testing.assert_allclose(numbers[:10], photo.landmarks.ravel(), atol=6e-4)
    poses = (photo.yaw, photo.pitch, photo.roll)
    np.testing.assert_allclose(numbers[10:], poses, atol=6e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("identities", 0),
        ("identities", 2.0),
        ("images", -1),
        ("images", True),
        ("seed", -1),
        ("first_identity", -5),
        ("processes", 0),
        ("max_yaw", 31.0),
        ("max_yaw", float("nan")),
    ],
)
def test_bad_argument_is_named_and_nothing_is_written(tmp_path, name, value):
    arguments = {"identities": 1, "images": 1, "seed": 0} | {name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be .* {name}={value!r}"):
        write_synthetic_faces(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
