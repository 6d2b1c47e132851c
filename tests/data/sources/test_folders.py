"""Tests for folders as sources, and for telling the kinds apart."""

import io

import pytest
from PIL import Image

from tf_sphereface.data.alignment.align import align_photos
from tf_sphereface.data.sources import open_photo_source
from tf_sphereface.errors import InputError


@pytest.fixture
def folder(tmp_path, photos):
    for name, content in photos.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    return tmp_path / "photos"


def test_folder_of_identities(folder, photos):
    source = open_photo_source(folder)
    assert source.names == tuple(sorted(photos))
    reader = source.reader()
    for name, content in photos.items():
        photo = source.photo(name)
        assert reader.read(photo.place) == content
        assert photo.bytes == len(content)
        assert photo.modified_ns == (folder / name).stat().st_mtime_ns


def test_aligned_folder_is_refused_with_the_next_step(folder, tmp_path):
    align_photos(folder, tmp_path / "out", processes=1)
    with pytest.raises(InputError, match="aligned already; `sphereface records`"):
        open_photo_source(tmp_path / "out")
    (tmp_path / "out" / "align.json").unlink()
    (tmp_path / "out" / "manifest.csv").unlink()
    with pytest.raises(InputError, match="by their size of 96 x 112"):
        open_photo_source(tmp_path / "out")


def test_one_photo_of_another_size_makes_it_a_folder_of_photos(tmp_path):
    (tmp_path / "Ada").mkdir()
    for number, size in enumerate([(96, 112), (96, 113)]):
        Image.new("RGB", size).save(tmp_path / "Ada" / f"{number}.png")
    assert len(open_photo_source(tmp_path).names) == 2


@pytest.mark.parametrize("name", ["x.docx", "x"])
def test_other_files_are_refused_with_what_is_read(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"folder of photos per person; .*{name}"):
        open_photo_source(tmp_path / name)


def test_a_pipe_is_no_photo(folder):
    import os

    os.mkfifo(folder / "Ada" / "3.jpg")
    assert open_photo_source(folder).photo("Ada/3.jpg").bytes == 0


def test_too_large_a_file_is_not_read(folder, monkeypatch):
    monkeypatch.setattr("tf_sphereface.data.photos.images.LARGEST_PHOTO", 100)
    with pytest.raises(InputError, match="too large a file: .*1.jpg"):
        open_photo_source(folder).reader().read("Ada/1.jpg")
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    (folder / "Ada" / "1.jpg").write_bytes(buffer.getvalue()[:100])
    assert len(open_photo_source(folder).reader().read("Ada/1.jpg")) <= 100
