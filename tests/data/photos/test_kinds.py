"""Tests for tf_sphereface.data.photos.kinds and the readers that sort files with it."""

import io
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.manifest import ManifestRow
from tf_sphereface.data.alignment.rows import reusable_rows
from tf_sphereface.data.photos import kinds
from tf_sphereface.data.photos.images import decode_photo
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.errors import InputError

FILES = (
    "Ada/1.jpg",
    "Ada/2.JFIF",
    "Ada/2004/3.jpe",
    "Ada/2004/May/4.gif",
    "Eve/2005/5.avif",
    "Eve/notes.txt",
    "Eve/README",
    "Eve/film.MP4",
    "Eve/Thumbs.db",
    "Eve/.DS_Store",
    "Eve/2005/desktop.ini",
    "Eve/.hidden/6.jpg",
    "beside.png",
)
NOTES = [
    "3 photos below a person's folder were passed over, such as Ada/2004/3.jpe; "
    "--subfolders takes them",
    "1 photos in no person's folder were passed over, such as beside.png",
    "files that are no photos were passed over: 1 .mp4, 1 .txt, 1 without a suffix",
    "no photo was taken from 1 folder: Eve",
]


@pytest.fixture(params=["folder", "zip"])
def collection(request, tmp_path):
    """The files in a folder or in an archive."""
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name in FILES:
                archive.writestr(f"people/{name}", name)
        return tmp_path / "x.zip"
    for name in FILES:
        (tmp_path / "people" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / name).write_text(name)
    return tmp_path / "people"


def test_people_of_whom_no_photo_is_taken_are_named_up_to_five():
    people = [f"{number}/2004/1.jpg" for number in range(6)] + ["Ada/1.raw", "x/1.jpg"]
    files = [(name, tuple(name.split("/"))) for name in people]
    _, passed_over = kinds.sort_files(files)
    note = "no photo was taken from 7 folders: 0, 1, 2, 3, 4 and 2 more"
    assert passed_over.notes()[-1] == note
    _, passed_over = kinds.sort_files(files, subfolders=True)
    assert passed_over.left_out == ["Ada"]


def test_what_is_passed_over_is_said_with_names_and_suffixes(collection):
    source = open_photo_source(collection)
    assert source.names == ("Ada/1.jpg", "Ada/2.JFIF")
    assert source.passed_over.notes("--subfolders") == NOTES
    assert source.passed_over.count == 7


def test_photos_in_deeper_folders_are_taken_by_an_option(collection):
    source = open_photo_source(collection, subfolders=True)
    read = source.reader().read
    found = {name: read(source.photo(name).place).decode() for name in source.names}
    assert {name: place.removeprefix("people/") for name, place in found.items()} == {
        "Ada/1.jpg": "Ada/1.jpg",
        "Ada/2.JFIF": "Ada/2.JFIF",
        "Ada/2004_3.jpe": "Ada/2004/3.jpe",
        "Ada/2004_May_4.gif": "Ada/2004/May/4.gif",
        "Eve/2005_5.avif": "Eve/2005/5.avif",
    }
    assert source.passed_over.notes() == NOTES[1:3]


def test_deeper_photos_of_one_name_are_refused():
    files = [(name, tuple(name.split("/"))) for name in ("A/b/1.jpg", "A/b_1.jpg")]
    with pytest.raises(InputError, match="two photos would .* 'A/b_1.jpg'; rename one"):
        kinds.sort_files(files, subfolders=True)


def test_a_folder_with_deeper_photos_only_names_the_option(tmp_path):
    (tmp_path / "Ada" / "2004").mkdir(parents=True)
    (tmp_path / "Ada" / "2004" / "1.jpg").touch()
    with pytest.raises(InputError, match="such as Ada/2004/1.jpg; --subfolders takes"):
        open_photo_source(tmp_path)
    (tmp_path / "x.txt").write_text("Ada/2004/1.jpg Ada")
    with pytest.raises(InputError, match="--subfolders goes with a folder"):
        open_photo_source(tmp_path / "x.txt", subfolders=True)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "AVIF", "JPEG2000", "WEBP"])
def test_every_kind_of_a_listed_suffix_is_decoded(kind):
    content = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 40, 40)).save(content, kind)
    pixels = decode_photo(content.getvalue(), "x").pixels.astype(int)
    assert np.abs(pixels - (200, 40, 40)).max() <= 9


@pytest.fixture
def heic():
    pillow_heif = pytest.importorskip("pillow_heif")
    content, image = io.BytesIO(), Image.new("RGB", (64, 48), (200, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # upright it is 48 x 64
    pillow_heif.from_pillow(image).save(content, exif=exif.tobytes())
    return content.getvalue()


def test_heic_is_read_upright_with_the_extra(heic):
    pixels = decode_photo(heic, "x.heic").pixels.astype(int)
    assert pixels.shape == (64, 48, 3)
    assert np.abs(pixels - (200, 40, 40)).max() <= 9


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_without_the_extra_is_one_line_with_the_cure(monkeypatch, brand):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    formats = kinds.readable_formats.__wrapped__()
    assert "HEIF" not in formats and "JPEG" in formats
    place = "tf_sphereface.data.photos.images.readable_formats"
    monkeypatch.setattr(place, lambda: formats)
    content = b"\0\0\0\x18ftyp" + brand + bytes(99)
    with pytest.raises(InputError, match=r"HEIC needs .*: x.jpg; pip install .*heic\]"):
        decode_photo(content, "x.jpg")


def test_heic_rows_are_done_again_once_the_extra_is_there(tmp_path, monkeypatch):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "1.heic").touch()
    source = open_photo_source(tmp_path)
    photo = source.photo("A/1.heic")
    row = ManifestRow(
        *("A/1.heic", "A", "dropped", kinds.NEEDS_HEIF),
        bytes=photo.bytes,
        modified_ns=photo.modified_ns,
    )
    for formats, expected in ((("JPEG",), [row]), (("HEIF", "JPEG"), [])):
        monkeypatch.setattr(
            "tf_sphereface.data.alignment.rows.readable_formats", lambda f=formats: f
        )
        known = {"A/1.heic": row}.get
        assert reusable_rows("A/1.heic", known, source, tmp_path) == expected


def test_jpeg_is_tried_before_the_rarer_kinds():
    first, *others = kinds.readable_formats()
    assert first == "JPEG"
    assert others == sorted(others)
