"""Files that systems lay down everywhere are overlooked by whatever reads a folder."""

import pytest

from tf_sphereface.commands.synthesize import main as synthesize
from tf_sphereface.data.aligned.settings import agree_on_settings
from tf_sphereface.data.alignment.settings import given_landmarks
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import describe_model
from tf_sphereface.evaluation.identification.open_faces import open_distractors
from tf_sphereface.files import entries, is_vacant
from tf_sphereface.quickstart.end_to_end import _claim
from tf_sphereface.training.run_folder import _has_foreign_files
from tf_sphereface.whole_folders import appearing, refuse_full

CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini", "._1.jpg")


@pytest.fixture
def cluttered(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in CLUTTER:
        (folder / name).write_text("of the system")
    return folder


def test_a_folder_with_clutter_only_is_vacant(cluttered):
    assert entries(cluttered) == [] and is_vacant(cluttered)
    (cluttered / "a.txt").touch()
    assert entries(cluttered) == [cluttered / "a.txt"] and not is_vacant(cluttered)
    assert not is_vacant(cluttered / "a.txt") and is_vacant(cluttered / "none")


def test_output_folders_may_have_it(cluttered):
    refuse_full(cluttered)
    assert not _has_foreign_files(cluttered)
    with appearing(cluttered) as making:
        (making / "a.txt").write_text("new")
    assert entries(cluttered) == [cluttered / "a.txt"]
    with pytest.raises(InputError, match="must be new or empty"):
        refuse_full(cluttered)


@pytest.mark.parametrize(
    "write",
    [
        lambda out: agree_on_settings(out, given_landmarks(), "1"),
        lambda out: _claim(out, "synthetic"),
        lambda out: synthesize(
            ["--out", str(out), "--identities", "1", "--images", "1"]
        ),
    ],
    ids=["align", "quickstart", "synthesize"],
)
def test_commands_write_beside_it(cluttered, write):
    assert not write(cluttered)
    assert entries(cluttered)


def test_the_checksum_of_a_model_is_without_it(cluttered, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    for folder in (plain, cluttered):
        (folder / "saved_model.pb").write_text("x")
    assert describe_model(plain).sha256 == describe_model(cluttered).sha256


def test_hidden_files_with_a_photos_suffix_are_no_photos(cluttered):
    assert find_photos(cluttered, ["._1.jpg"]) == [None]
    with pytest.raises(InputError, match="no photo in"):
        open_distractors(None, cluttered)
