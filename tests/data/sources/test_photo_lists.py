"""Tests for list files: `PATH [IDENTITY]` a line."""

import csv

import pytest

from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.errors import InputError


@pytest.fixture
def write(tmp_path):
    def write_list(text, name="photos.txt"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write_list


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "x/Ada/1.jpg\nx/2.PNG Grace Hopper\n"),
        ("a.txt", "\ufeff# photos\n\nx/Ada/1.jpg\r\nx/2.PNG\tGrace Hopper\r\n"),
        ("a.lst", "x/Ada/1.jpg   \n  x/2.PNG   Grace Hopper"),
        ("a.tsv", "path\tidentity\nx/Ada/1.jpg\nx/2.PNG\tGrace Hopper\n"),
        ("a.csv", 'path,identity\nx/Ada/1.jpg,\n"x/2.PNG","Grace Hopper"\n'),
    ],
)
def test_every_layout_gives_the_same_names(write, name, text):
    source = open_photo_source(write(text, name))
    assert source.names == ("Ada/1.jpg", "Grace Hopper/2.PNG")
    assert source.photo("Ada/1.jpg").place == "x/Ada/1.jpg"
    assert source.photo("Grace Hopper/2.PNG").place == "x/2.PNG"


def test_paths_with_spaces(write):
    source = open_photo_source(
        write("my photos/my photo 1.jpg Ada Byron\nmy photos/2.jpg\n")
    )
    assert source.names == ("Ada Byron/my photo 1.jpg", "my photos/2.jpg")


def test_photos_are_read_from_the_root_and_missing_ones_are_dropped(
    write, tmp_path, photos
):
    for folder in ("beside", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "elsewhere" / "p.jpg").write_bytes(photos["Ada/1.jpg"])
    absolute = tmp_path / "beside" / "q.jpg"
    absolute.write_bytes(photos["Grace/1.jpg"])
    path = write(f"p.jpg Ada\ngone.jpg Ada\n{absolute} Grace\n")
    source = open_photo_source(path, root=tmp_path / "elsewhere")
    summary = align_photos(source, tmp_path / "out", processes=1)
    assert (summary.photos, summary.kept) == (3, 2)
    assert summary.dropped == {"no such photo": 1}
    with open(tmp_path / "out" / "manifest.csv") as file:
        rows = {row["photo"]: row for row in csv.DictReader(file)}
    assert rows["Ada/gone.jpg"]["reason"] == "no such photo"
    # The missing photo appears: the next run aligns it and nothing else.
    (tmp_path / "elsewhere" / "gone.jpg").write_bytes(photos["Ada/2.jpg"])
    again = align_photos(source, tmp_path / "out", processes=1)
    assert (again.reused, again.kept) == (2, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/1.jpg\na/1.jpg\n", r"line 2: 'a/1.jpg' is in line 1 too"),
        ("a/1.jpg X\nb/1.jpg X\n", r"line 2: two photos would have the name 'X/1.jpg'"),
        ("1.jpg\n", "line 1: an identity must be a name without slashes"),
        ("1.jpg x/y\n", "line 1: an identity must be a name without slashes"),
        ("../1.jpg\n", "an identity must be .* Received: '..'"),
        ("\n# x\na/1.doc\n", "line 3: a path must end in one of .avif"),
        ("a/1.jpg\tX\tY\n", "line 1: must be `PATH .IDENTITY.`. Received: 3 fields"),
        ("a/\x001.jpg\n", "line 1: a path must not hold control characters"),
        ("Ada\\1.jpg\n", r"line 1: write / for \\ in a path"),
        ("# nothing\n", "no photo in the list"),
        ("a/1.jpg ada\nb/1.jpg ADA\n", "identities would be merged"),
        ("a/1.jpg .hidden\n", "neither with a leading dot"),
        ("a/1.jpg manifest.csv\n", "must not be named 'manifest.csv'"),
    ],
)
def test_bad_line_is_named(write, text, message):
    with pytest.raises(InputError, match=message):
        open_photo_source(write(text))


def test_other_encodings_are_named_with_the_byte(tmp_path):
    (tmp_path / "a.txt").write_bytes("a/1.jpg Zoë".encode("latin-1"))
    with pytest.raises(InputError, match=r"must be UTF-8 text: .*a.txt \(byte 10\)"):
        open_photo_source(tmp_path / "a.txt")


def test_root_goes_with_lists_only(tmp_path):
    with pytest.raises(InputError, match="--root goes with a list"):
        open_photo_source(tmp_path, root=tmp_path)
    (tmp_path / "a.txt").write_text("a/1.jpg")
    with pytest.raises(InputError, match="no such folder: .*nowhere"):
        open_photo_source(tmp_path / "a.txt", root=tmp_path / "nowhere")
