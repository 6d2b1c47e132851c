"""Tests for the commands `enroll`, `identify`, `people`, `forget` and `find`."""

import shutil
import sqlite3
import sys

import cv2
import numpy as np
import pytest

from tests.gallery.rendered_commands import BUNDLE
from tests.gallery.rendered_people import picture, save
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.commands.gallery import enroll, find, forget, identify, people
from tf_sphereface.gallery import sealing


def test_from_photos_to_names_and_back_to_nobody(folder, call):
    result, _ = call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada/0.png")
    assert result == {"people": 1, "enrolled": 1, "not_taken": []}
    call(enroll, "g", *BUNDLE, "--name", "Bob", "Bob")  # a folder of his
    result, _ = call(identify, "g", *BUNDLE, "Ada/1.png", "strangers/0.png")
    assert result["false_alarms_at_most"] == pytest.approx(0.03)
    assert [p["faces"][0]["name"] for p in result["photos"]] == ["Ada", None]
    assert result["photos"][1]["faces"][0]["decision"] == "unknown"
    result, _ = call(people, "g")
    assert {p["name"]: p["templates"] for p in result["people"]} == {"Ada": 1, "Bob": 2}
    assert not result["encrypted"] and result["variant"] == "none"
    result, _ = call(forget, "g", "Ada")
    assert result == {"people_deleted": 1, "templates_deleted": 1}
    result, _ = call(identify, "g", *BUNDLE, "Ada/1.png")
    assert result["photos"][0]["faces"][0]["nearest"] == "Bob"


def test_a_folder_of_people_is_enrolled_at_once(folder, call):
    (folder / "all").mkdir()
    for name in ("Ada", "Bob"):
        (folder / name).rename(folder / "all" / name)
    result, _ = call(enroll, "g", *BUNDLE, "all")
    assert (result["people"], result["enrolled"]) == (2, 4)
    _, errors = call(enroll, "g", *BUNDLE, "all/Ada/0.png", status=2)
    assert errors == "error: --name must say who is on the photos\n"


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_the_same_command_again_adds_no_photo_twice(folder, call, options):
    enrol = (enroll, "g", *BUNDLE, "--name", "Ada", "Ada", *options)
    call(*enrol)
    result, errors = call(*enrol)
    assert (result["enrolled"], result["enrolled_already"]) == (0, 2) and not errors
    assert call(people, "g")[0]["templates"] == 2
    shutil.copy("Bob/0.png", "Ada/2.png")
    result, _ = call(*enrol, "--force")
    assert (result["enrolled"], result["enrolled_already"]) == (1, 2)


def test_an_enrolment_ends_at_the_first_error_of_the_gallery(folder, call, monkeypatch):
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada/0.png")
    with sqlite3.connect("g") as other:
        other.execute("UPDATE templates SET feature = x'00'")
    other.close()
    command = (enroll, "g", *BUNDLE, "--name", "Ada", "Ada/1.png", "Ada", "Bob")
    result, errors = call(*command, status=2)
    assert result is None and errors.count("\n") == 1
    assert errors.startswith("error: damaged gallery: g")


def test_a_person_reads_a_line_for_each_face(folder, capsys, monkeypatch):
    enroll.main(["g", *BUNDLE, "--name", "Ada", "Ada/0.png"])
    capsys.readouterr()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    identify.main(["g", *BUNDLE, "Ada/1.png", "strangers/0.png"])
    lines = capsys.readouterr().out.splitlines()[-2:]
    assert (
        lines[0].split(None, 2)[2].startswith("name Ada, decision known, nearest Ada")
    )
    assert lines[0].endswith("photo Ada/1.png")
    assert "name -, decision unknown" in lines[1] and "strangers/0.png" in lines[1]


def test_photos_that_are_not_taken_are_told(folder, call):
    dark = save(folder / "dark.png", picture(1, 5) // 8)
    (folder / "torn.png").write_bytes(b"\x89PNG")
    photos = ("Ada/0.png", dark, "torn.png")
    result, errors = call(enroll, "g", *BUNDLE, "--name", "Ada", *photos)
    assert result["enrolled"] == 1
    assert [p["photo"] for p in result["not_taken"]] == [str(dark), "torn.png"]
    assert f"note: not taken: {dark}: too dark: turn towards the light" in errors
    _, errors = call(enroll, "h", *BUNDLE, "--name", "Ada", dark, status=1)
    result, errors = call(enroll, "h", *BUNDLE, "--name", "Ada", dark, "--force")
    assert result["enrolled"] == 1 and "note: taken all the same: " in errors


@pytest.fixture
def film(folder):
    """A video of 12 pictures of Ada."""
    kind = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(folder / "film.avi"), kind, 10, (140, 160))
    for seed in range(12):
        writer.write(np.ascontiguousarray(picture(1, seed)[..., ::-1]))
    writer.release()
    return folder / "film.avi"


def test_a_camera_or_a_video_takes_the_place_of_photos(film, call):
    camera = ("--camera", film)
    result, _ = call(enroll, "g", *BUNDLE, "--name", "Ada", *camera, "--templates", 2)
    assert result == {"people": 1, "enrolled": 2}
    result, _ = call(identify, "g", *BUNDLE, *camera)
    assert result["camera"] == str(film)
    (face,) = result["faces"]
    assert (face["name"], face["frames"]) == ("Ada", 12)
    film.write_bytes(film.read_bytes()[:-60_000])
    _, errors = call(identify, "g", *BUNDLE, *camera, status=2)
    assert errors.startswith(f"error: {film} is cut off") and errors.count("\n") == 1
    camera = ("--name", "Ada", "--camera", 77)
    _, errors = call(enroll, "new", *BUNDLE, *camera, status=2)
    assert (
        errors.startswith("error: no camera 77") and not (film.parent / "new").exists()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (enroll, "g", *BUNDLE),
        (enroll, "g", *BUNDLE, "--camera", "0"),
        (enroll, "g", *BUNDLE, "--name", "Ada", "--camera", "0", "Ada/0.png"),
        (identify, "g", *BUNDLE, "--camera", "0", "--seconds", "nan"),
    ],
)
def test_photos_or_a_camera_must_be_given(folder, arguments, capsys):
    command, *options = arguments
    with pytest.raises(SystemExit) as ended:
        command.main(options)
    assert ended.value.code == 2 and "camera" in capsys.readouterr().err


def test_an_enrolment_that_takes_nobody_leaves_nothing(folder, call):
    (folder / "torn").write_text('{"kind": "tf_sphereface gallery"}')
    dark = save(folder / "dark.png", picture(1, 5) // 8)
    names = sorted(folder.rglob("*"))
    enrol = (enroll, "g", *BUNDLE, "--name")
    _, errors = call(*enrol, "Ada", "none.png", status=2)
    assert errors == "error: no such photo: none.png\n"
    call(*enrol, " Ada", "Ada/0.png", status=2)
    call(*enrol, "Ada", dark, status=1)
    call(*enrol, "Ada", dark, "none.png", status=1)
    call(people, "g", "--import", "torn", status=2)
    _, errors = call(enroll, "no/g", *enrol[2:], "Ada", "Ada/0.png", status=2)
    assert errors == "error: no such folder: no\n"
    assert "not a file: Ada" in call(enroll, "Ada", *enrol[2:], "Ada", "x", status=2)[1]
    assert sorted(folder.rglob("*")) == names


def test_bad_input_is_one_line_and_status_2(folder, call):
    cases = [
        ((identify, "none", *BUNDLE, "Ada/0.png"), "no such gallery: none"),
        ((people, "Ada/0.png"), "damaged gallery: Ada/0.png"),
        ((forget, "none", "Ada"), "no such gallery: none"),
        ((enroll, "g", *BUNDLE, "--name", "Ada", "no.png"), "no such photo: no.png"),
        ((people, "new", "--import", "no"), "no such file: no"),
        ((forget, "h", "Zoe"), "nobody is called 'Zoe' in h"),
        ((identify, "h", *BUNDLE, "Ada/0.png", "--far", "0.5"), "no threshold at FAR"),
        ((people, "g", "--key", "no"), "no such key: no"),
        ((people, "g", "--key", "Ada/0.png"), "the key in Ada/0.png must have 16 to"),
    ]
    call(enroll, "h", *BUNDLE, "--name", "Ada", "Ada/0.png")
    for (command, *arguments), message in cases:
        result, errors = call(command, *arguments, status=2)
        assert result is None and message in errors, errors
        assert errors.startswith("error: ") and errors.count("\n") == 1
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada/0.png")
    call(forget, "g", "Ada", "Zoe", status=2)
    assert call(people, "g")[0]["people"]  # all or none


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many"])
def test_counts_are_whole_numbers_from_1(number, capsys):
    for command, option in (
        (identify, "--k"),
        (find, "--most"),
        (enroll, "--templates"),
    ):
        with pytest.raises(SystemExit, match="2"):
            command.main([option, number])
        told = f"{option}: a whole number, at least 1, is needed. Received: {number}"
        assert told in capsys.readouterr().err


def test_false_alarms_are_of_the_whole_search(folder, call):
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada")
    rate = ("--false-alarms", "1/100")
    result, _ = call(identify, "g", *BUNDLE, "Ada/1.png", *rate)
    assert (result["far"], result["templates"]) == (0.0001, 2)
    rate = ("--false-alarms", "1/1000000")
    _, errors = call(identify, "g", *BUNDLE, "Ada/1.png", *rate, status=2)
    assert "needs a FAR of 5e-07 per comparison" in errors
    with pytest.raises(SystemExit):
        identify.main(["g", *BUNDLE, "Ada/1.png", "--false-alarms", "2"])


def test_an_encrypted_gallery_travels_with_its_key(folder, call, monkeypatch):
    pytest.importorskip("cryptography")
    (folder / "key").write_text("0123456789abcdef\n")
    key = ("--key", "key")
    call(enroll, "g", *BUNDLE, *key, "--name", "Ada", "Ada")
    _, errors = call(people, "g", status=2)
    assert "g is encrypted: give its key with --key" in errors
    monkeypatch.setenv(sealing.KEY_VARIABLE, "0123456789abcdef")
    result, errors = call(people, "g", "--export", "file")
    assert result["encrypted"] and errors == ""
    assert b"Ada" not in (folder / "file").read_bytes()
    assert call(people, "h", "--import", "file")[0]["imported"] == 2
    monkeypatch.setenv(sealing.KEY_VARIABLE, "fedcba9876543210")
    assert "not the key of h" in call(people, "h", status=2)[1]


def test_an_export_in_the_clear_is_told(folder, call):
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada")
    _, errors = call(people, "g", "--export", "file")
    assert errors == "note: file holds names and biometric data in the clear\n"


def test_kept_crops_are_embedded_with_another_variant(folder, call):
    call(enroll, "g", *BUNDLE, "--name", "Ada", "Ada", "--keep-crops")
    again = ("--re-embed", "bundle", "--variant", "int8")
    result, _ = call(people, "g", *again)
    assert (result["embedded_again"], result["variant"]) == (2, "int8")
    call(enroll, "h", *BUNDLE, "--name", "Ada", "Ada")
    _, errors = call(people, "h", *again, status=2)
    assert "2 of 2 templates in h have no crop" in errors


def test_photos_of_a_person_are_found_in_a_folder(folder, call):
    (folder / "album/deep").mkdir(parents=True)
    (folder / "album/.hidden").mkdir()
    for number, name in enumerate(("Ada/0.png", "Ada/1.png", "Bob/0.png")):
        shutil.copy(name, folder / f"album/deep/{number}.png")
    shutil.copy("Ada/1.png", "album/.hidden/1.png")
    (folder / "album/torn.png").write_bytes(b"\x89PNG")
    (folder / "album/notes.txt").write_text("no photo")
    result, _ = call(find, "bundle", "album/deep/0.png", "album")
    ada, bob = result["matches"]  # without the photo itself
    assert (ada["photo"], ada["decision"]) == ("album/deep/1.png", "same")
    assert (bob["photo"], bob["decision"]) == ("album/deep/2.png", "different")
    assert (result["photos"], result["faces"]) == (2, 2)
    assert sum(result["passed_over"].values()) == 1
    result, _ = call(find, "bundle", "album/deep/0.png", "album", "--most", "1")
    assert result["matches"] == [ada]
    _, errors = call(find, "bundle", "album/deep/0.png", "none", status=2)
    assert errors == "error: no such folder: none\n"


def test_a_real_bundle_from_photos_to_names(bundle, tmp_path, call):
    """The networks of a bundle, with photos that were not rendered for the test."""
    first, second = (bundle.path / f"golden/photo_{index}.png" for index in (0, 1))
    gallery, options = tmp_path / "g", ("--bundle", bundle.path)
    call(enroll, gallery, *options, "--name", "Ada", first, "--force")
    result, errors = call(identify, gallery, *options, first, second)
    assert "no threshold was measured" in errors
    faces = [photo["faces"][0] for photo in result["photos"]]
    assert faces[0]["score"] == pytest.approx(1) and faces[1]["score"] < 0.9999
    assert [face["decision"] for face in faces] == [None, None]
    embedder = Embedder(bundle, "none", threads=1)
    assert embedder.verify(first, first)["score"] == pytest.approx(1)
    matches = embedder.find(first, bundle.path / "golden")["matches"]
    assert matches and str(first) not in {match["photo"] for match in matches}
