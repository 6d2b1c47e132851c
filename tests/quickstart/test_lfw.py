"""Tests for tf_sphereface.quickstart.lfw, on the mock data of its library."""

import sys

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.quickstart.lfw import write_lfw


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_photos_land_in_a_folder_for_each_name(tmp_path):
    tfds = pytest.importorskip(
        "tensorflow_datasets", reason="needs the extra `lfw`: pip install -e '.[lfw]'"
    )
    seen = []
    with tfds.testing.mock_data(num_examples=7):
        write_lfw(tmp_path, lambda done, total: seen.append((done, total)))
    photos = list(tmp_path.rglob("*.jpg"))
    assert len(photos) == 7
    assert all(photo.name == f"{photo.parent.name}_0001.jpg" for photo in photos)
    assert seen[-1] == (7, 7)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r"pip install 'tf-sphereface\[lfw\]'"):
        write_lfw(tmp_path, lambda done, total: None)
