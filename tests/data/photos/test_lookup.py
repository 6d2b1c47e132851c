"""Tests for tf_sphereface.data.photos.lookup, and what finds photos with it."""

import unicodedata

import numpy as np
import pytest

from tf_sphereface.data.alignment.crops import crop_name
from tf_sphereface.data.photos.lookup import PhotoNames, find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import Pair, PairList, evaluate_verification
from tf_sphereface.evaluation.embeddings.npz import EmbeddingFile


def in_folder(names, asked, tmp_path):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_photos(tmp_path, asked)
    return [file and file.relative_to(tmp_path).as_posix() for file in found]


def in_embeddings(names, asked, tmp_path):
    rows = EmbeddingFile(np.ones((len(names), 2)), names).rows(asked)
    return [None if row is None else names[row] for row in rows]


@pytest.mark.parametrize("find", [in_folder, in_embeddings])
@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".png", ".jpeg", ".JFIF", ".heic"])
@pytest.mark.parametrize("asked", ["A/A_0001", "A/A_0001.jpg"])
def test_crops_are_found_whatever_kind_their_photos_were(find, suffix, asked, tmp_path):
    crops = [crop_name(f"A/A_{number:04}{suffix}") for number in (1, 2)]
    assert find(crops, [asked, "A/A_0003"], tmp_path) == [crops[0], None]


@pytest.mark.parametrize("find", [in_folder, in_embeddings])
def test_the_nearest_name_of_several_wins(find, tmp_path):
    names = ["A/x.jpg", "A/x.png.jpg", "A/y#2.jpg", "A/v1.2.jpg"]
    asked = ["A/x", "A/x.jpg", "A/x.png", "A/x.png.jpg", "A/y", "A/v1.2", "A/v1"]
    expected = [names[0], names[0], names[1], names[1], None, names[3], None]
    assert find(names, asked, tmp_path) == expected


@pytest.mark.parametrize("find", [in_folder, in_embeddings])
def test_a_name_that_does_not_decide_is_refused(find, tmp_path):
    with pytest.raises(InputError, match="two .* for A/x: A?/?x.jpeg.jpg and .*keep"):
        find(["A/x.jpeg.jpg", "A/x.png.jpg"], ["A/x"], tmp_path)


def test_either_spelling_of_a_letter_is_found():
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    assert PhotoNames([f"{apart}.png.jpg"]).find(composed) == [0]


def test_no_pair_of_a_mixed_folder_is_lost():
    photos = "A/A_0001.png", "A/A_0002.jpeg", "B/B_0001.jpg", "B/B_0002.JPG"
    names = [crop_name(photo) for photo in photos]
    pairs = [
        pair
        for fold in range(2)
        for pair in (
            Pair("A/A_0001", "A/A_0002", True, fold),
            Pair("A/A_0001", "B/B_0002", False, fold),
        )
    ]
    file = EmbeddingFile(np.random.default_rng(0).normal(size=(4, 8)), names)
    report = evaluate_verification(file, None, PairList(tuple(pairs), 2), mirror=False)
    assert np.isfinite(report.scores).all()
    assert not any("lack a photo" in note for note in report.notes)
