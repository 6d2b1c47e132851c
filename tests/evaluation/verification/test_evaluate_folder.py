"""Tests for evaluate_verification: from photos on disk to a report."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    ModelEmbeddings,
    Pair,
    PairList,
    evaluate_verification,
)
from tf_sphereface.preprocessing import PixelContract


class ColourEmbedder:
    """Embeds a crop as the mean colours of its left and right halves."""

    kind = "keras"
    pixel_contract = PixelContract(4, 6)
    embedding_dim = 6

    def __init__(self):
        self.faces = 0

    def embed(self, aligned_faces):
        assert aligned_faces.dtype == np.uint8
        self.faces += len(aligned_faces)
        halves = aligned_faces.reshape(-1, 4, 2, 3, 3).mean(axis=(1, 3))
        return halves.reshape(-1, 6).astype(np.float32)


@pytest.fixture
def colours(tmp_path):
    """Four people, each with a colour of its own, and pairs in two folds."""
    for name, colour in zip("abcd", ([9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 9, 0])):  # noqa: B905
        (tmp_path / name).mkdir()
        for number in (1, 2):
            pixels = np.full((4, 6, 3), colour, np.uint8) * (10 + number)
            Image.fromarray(pixels).save(tmp_path / name / f"{name}_{number:04d}.png")
    pairs = []
    for fold, (one, two) in enumerate(("ab", "cd")):
        for name in (one, two):
            pairs.append(Pair(f"{name}/{name}_0001", f"{name}/{name}_0002", True, fold))
        for number in (1, 2):
            left, right = f"{one}/{one}_000{number}", f"{two}/{two}_000{number}"
            pairs.append(Pair(left, right, False, fold))
    return tmp_path, PairList(tuple(pairs), folds=2)


def test_each_photo_is_embedded_once_and_once_mirrored(colours):
    embedder = ColourEmbedder()
    report = evaluate_verification(ModelEmbeddings(embedder), *colours)
    assert report.accuracy == 1.0
    assert embedder.faces == 2 * 8
    assert (report.mirror, report.embedding_dim, report.source_kind) == (
        True,
        6,
        "keras",
    )
    assert report.milliseconds_per_face > 0


def test_without_mirror_each_photo_is_embedded_once(colours):
    embedder = ColourEmbedder()
    report = evaluate_verification(ModelEmbeddings(embedder), *colours, mirror=False)
    assert embedder.faces == 8
    assert report.mirror is False


def test_missing_photo_is_named(colours):
    images, pairs = colours
    (images / "c" / "c_0002.png").unlink()
    report = evaluate_verification(ModelEmbeddings(ColourEmbedder()), images, pairs)
    assert report.missing_photos == ("c/c_0002",)
    assert report.counts()["pairs_with_a_missing_photo"] == 2
    assert report.fold_accuracies == (1.0, 0.5)


def test_folder_with_none_of_the_photos_is_refused(colours, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="none of the 8 photos"):
        evaluate_verification(
            ModelEmbeddings(ColourEmbedder()), tmp_path / "empty", colours[1]
        )
