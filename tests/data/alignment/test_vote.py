"""Tests for the face that most of a person's photos share."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.align import main
from tf_sphereface.data.aligned.manifest import read_manifest_rows
from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.alignment.batches import batches_of
from tf_sphereface.data.alignment.photo_aligner import AlignmentItem
from tf_sphereface.data.alignment.vote import VotingModelFile, vote
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import PixelContract

TINTS = {"Ada": (1.0, 0.75, 0.6), "Eve": (0.6, 0.8, 1.0), "Kim": (0.65, 1.0, 0.65)}


class Colours:
    """A model that tells the tints of people apart: mean colours, without the grey."""

    pixel_contract, crop = PixelContract(64, 64), CropGeometry(64, 64)

    def embed(self, aligned_faces):
        assert aligned_faces.shape[1:] == (64, 64, 3)
        means = np.log(aligned_faces.mean(axis=(1, 2)))
        return means - means.mean(axis=1, keepdims=True)


COLOURS = {"choice": "consistent", "voting_model": VotingModelFile(Colours, "0" * 64)}


@pytest.fixture(scope="module")
def faces():
    """Of each person two photos, 200 x 200."""
    rng, pictures = np.random.default_rng(5), {}
    for name, tint in TINTS.items():
        identity = sample_identity(rng)
        pictures[name] = [
            np.asarray(
                Image.fromarray(
                    (render_photo(identity, sample_capture(rng, 5.0)).image * tint)
                    .round()
                    .astype(np.uint8)
                ).resize((200, 200))
            )
            for _ in range(2)
        ]
    return pictures


@pytest.fixture
def write(tmp_path, faces):
    """Writes photos of people beside each other; the first is in the middle."""

    def write_photos(person, *photos):
        folder = tmp_path / "photos" / person
        folder.mkdir(parents=True, exist_ok=True)
        for number, people in enumerate(photos):
            canvas = np.full((200, 600, 3), 128, np.uint8)
            for place, name in zip((200, 0, 400), people, strict=False):
                canvas[:, place : place + 200] = faces[name][number % 2]
            Image.fromarray(canvas).save(folder / f"{number}.png")
        return tmp_path / "photos"

    return write_photos


def who(out):
    """The person of each crop, by its colours, and how the face was chosen."""
    found = {}
    for name, row in read_manifest_rows(out).items():
        red, green, blue = np.asarray(Image.open(out / row.crop)).mean(axis=(0, 1))
        colours = {"Ada": red, "Eve": blue, "Kim": green}
        found[name] = max(colours, key=colours.get), row.chosen_by
    return found


def test_shared_face_is_taken_and_not_the_strangers_in_the_middle(write, tmp_path):
    photos = [("Ada",), ("Eve", "Ada"), ("Kim", "Ada"), ("Ada", "Eve")]
    source, out = write("Ada", *photos), tmp_path / "out"
    summary = align_photos(source, out, processes=1, **COLOURS)
    assert who(out) == {
        "Ada/0.png": ("Ada", "only"),
        "Ada/1.png": ("Ada", "consistent"),
        "Ada/2.png": ("Ada", "consistent"),
        "Ada/3.png": ("Ada", "consistent"),
    }
    assert summary.chosen_by == {"consistent": 3, "only": 1}
    assert summary.doubts("consistent").count("in 0 photos that nearest") == 1
    rows = read_manifest_rows(out)
    assert [row.faces for row in rows.values()] == [1, 2, 2, 2]
    assert np.isnan(rows["Ada/0.png"].vote_margin)
    assert rows["Ada/2.png"].vote_margin > 0.3
    assert len(list(out.glob("*/*.jpg"))) == 4
    align_photos(source, tmp_path / "centre", processes=1)
    assert who(tmp_path / "centre")["Ada/1.png"] == ("Eve", "")  # the test can fail


def test_new_photo_asks_all_of_its_person_again_and_nobody_else(write, tmp_path):
    write("Kim", ("Kim",), ("Eve", "Kim"), ("Kim",))
    source, out = write("Ada", ("Eve", "Ada"), ("Ada",)), tmp_path / "out"
    align_photos(source, out, processes=1, **COLOURS)
    assert who(out)["Ada/0.png"] == ("Eve", "centre")  # two photos do not vote
    write("Ada", ("Eve", "Ada"), ("Ada",), ("Ada",))
    summary = align_photos(source, out, processes=1, **COLOURS)
    assert summary.reused == 3  # Kim's
    assert who(out)["Ada/0.png"] == ("Ada", "consistent")
    (source / "Ada" / "2.png").unlink()
    assert align_photos(source, out, processes=1, **COLOURS).reused == 3
    assert who(out)["Ada/0.png"] == ("Eve", "centre")
    assert align_photos(source, out, processes=1, **COLOURS).reused == 5
    other = VotingModelFile(Colours, "1" * 64)
    with pytest.raises(InputError, match="voting_model_sha256 is '000.* and '111"):
        align_photos(source, out, choice="consistent", voting_model=other)


def test_interrupted_person_is_done_again_as_a_whole(write, tmp_path):
    source = write("Ada", ("Eve", "Ada"), ("Ada",), ("Ada",), ("Kim", "Ada"))
    align_photos(source, tmp_path / "whole", processes=1, **COLOURS)
    out = tmp_path / "out"
    align_photos(source, out, processes=1, **COLOURS)
    lines = (out / "manifest.csv").read_text().splitlines(keepends=True)
    (out / "manifest.csv").unlink()
    (out / "manifest.partial.csv").write_text("".join(lines[:3]) + lines[3][:40])
    assert align_photos(source, out, processes=1, **COLOURS).reused == 0
    for path in (tmp_path / "whole").rglob("*.*"):
        assert (out / path.relative_to(tmp_path / "whole")).read_bytes() == (
            path.read_bytes()
        )


def test_couple_in_all_photos_cannot_be_decided(write, tmp_path):
    source = write("Ada", ("Ada", "Eve"), ("Eve", "Ada"), ("Ada", "Eve", "Kim"))
    align_photos(source, tmp_path / "out", processes=1, **COLOURS)
    assert who(tmp_path / "out") == {
        "Ada/0.png": ("Ada", "centre"),
        "Ada/1.png": ("Eve", "centre"),
        "Ada/2.png": ("Ada", "centre"),
    }


def test_middle_of_a_photo_without_a_face_has_no_say(write, tmp_path):
    source, out = write("Ada", ("Eve", "Ada"), ("Ada",), (), ()), tmp_path / "out"
    align_photos(source, out, processes=1, last_resort="template", **COLOURS)
    rows = read_manifest_rows(out)
    assert [row.chosen_by for row in rows.values()] == ["centre", "only", "", ""]
    assert rows["Ada/2.png"].crop == "Ada/2.png.jpg"


def test_photos_of_a_person_are_one_batch_if_they_vote():
    names = [f"{person}/{n}.jpg" for person in ("A", "A b") for n in range(20)]
    items = [AlignmentItem(Photo(name, None, 1, 1)) for name in names]
    assert [len(batch) for batch in batches_of("consistent", items)] == [20, 20]
    assert max(len(batch) for batch in batches_of("centre", items)) < 20


def people(dim=64, noise=0.08):
    """Gives embeddings of people: a direction each, and noise of half its length."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(200, dim)) / np.sqrt(dim)

    def embed(*numbers):
        rows = directions[list(numbers)]
        return 7 * (rows + rng.normal(scale=noise, size=rows.shape))

    return embed


def test_vote_finds_a_person_among_ever_new_strangers():
    embed = people()
    photos = [embed(*(2 + 3 * n, 0, 3 + 3 * n)[: 1 + n % 3]) for n in range(30)]
    # Of every three photos: a stranger alone, the person second of 2, and second of 3.
    votes = vote(photos)
    assert [(v.face, v.chosen_by) for v in votes] == [
        [(0, "only"), (1, "consistent"), (1, "consistent")][n % 3] for n in range(30)
    ]
    assert all(v.margin > 0.2 for v in votes[1::3])


def test_friend_on_half_of_the_photos_does_not_win():
    embed = people()
    photos = [embed(1, 0) if n % 2 else embed(0) for n in range(10)]
    assert [v.face for v in vote(photos)] == [n % 2 for n in range(10)]


def test_photo_without_the_person_is_by_the_centre():
    embed = people()
    photos = [embed(10 + n, 0) for n in range(5)] + [embed(1, 2), embed(3, 4, 5)]
    assert [(v.face, v.chosen_by) for v in vote(photos)] == (
        [(1, "consistent")] * 5 + [(0, "centre")] * 2
    )


@pytest.mark.parametrize("photos", [0, 1, 2])
def test_few_photos_do_not_vote(photos):
    votes = vote([people()(1, 0)] * photos)
    assert [(v.face, v.chosen_by) for v in votes] == [(0, "centre")] * photos


def test_nobody_on_most_photos_is_undecided():
    embed = people()
    votes = vote([embed(2 * n, 2 * n + 1) for n in range(12)])
    assert {(v.face, v.chosen_by) for v in votes} == {(0, "centre")}


def test_few_votes_are_wrong_where_embeddings_are_noisy():
    """Of 400 folders; 3 times as many are if a photo's own face speaks for itself."""
    rng, right, wrong = np.random.default_rng(4), 0, 0
    for _ in range(400):
        directions = rng.normal(size=(60, 32)) / np.sqrt(32)
        noise, share, strangers = rng.uniform(0.05, 0.25), rng.uniform(0.2, 1), 1
        photos, persons = [], []
        for _ in range(rng.integers(3, 14)):
            faces = strangers + np.arange(rng.integers(1, 4))
            strangers = faces[-1] + 1
            if rng.random() < share:
                faces[rng.integers(len(faces))] = 0  # the person
            rows = directions[faces]
            photos.append(rows + rng.normal(scale=noise, size=rows.shape))
            persons.append(faces)
        for result, faces in zip(vote(photos), persons, strict=True):
            if result.chosen_by == "consistent":
                right += faces[result.face] == 0
                wrong += faces[result.face] != 0
    assert right > 700
    assert wrong < 0.1 * right


def test_votes_are_the_same_in_tiles(monkeypatch):
    embed = people()
    photos = [embed(*(2 + n, 0, 50 + n)[: 2 + n % 2]) for n in range(30)]
    whole = vote(photos)
    monkeypatch.setattr("tf_sphereface.data.alignment.vote.TILE_ROWS", 7)
    assert vote(photos) == whole
    assert {v.face for v in whole} == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--choose", "consistent"], "--choose consistent and --choose-model MODEL go"),
        (["--choose-model", "{}"], "an embedding model|a model must be"),
        (["--choose", "consistent", "--choose-model", "none.tflite"], "no such model"),
    ],
)
def test_bad_choice_is_one_line_and_nothing_is_written(
    write, tmp_path, capsys, options, message
):
    source, out = write("Ada", ("Ada",)), tmp_path / "out"
    options = [option.format(source) for option in options]
    assert main([str(source), "--out", str(out), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert any(part in line for part in message.split("|"))
    assert not out.exists()


def test_model_that_gives_no_numbers_is_named(write, tmp_path):
    class Broken(Colours):
        def embed(self, aligned_faces):
            return super().embed(aligned_faces) * np.nan

    options = {**COLOURS, "voting_model": VotingModelFile(Broken, "2" * 64)}
    with pytest.raises(InputError, match="not finite: Ada/0.png"):
        align_photos(write("Ada", ("Ada",)), tmp_path / "o", processes=1, **options)
