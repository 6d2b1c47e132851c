"""Tests for tf_sphereface.evaluation.verification.pair_evaluator."""

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
from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator
from tf_sphereface.preprocessing import PixelContract

PEOPLE, PHOTOS = 8, 3


class Embedder:
    """Projects pixels by a matrix of its own; `noise` tells it from another one."""

    kind = "keras"
    pixel_contract = PixelContract(4, 4)
    embedding_dim = 6

    def __init__(self, noise):
        rng = np.random.default_rng(3)
        self.matrix = rng.normal(size=(48, 6))
        self.matrix += noise * np.random.default_rng(4).normal(size=(48, 6))
        self.calls = 0

    def embed(self, aligned_faces):
        self.calls += len(aligned_faces)
        pixels = aligned_faces.reshape(len(aligned_faces), -1) / 255 - 0.5
        return (pixels @ self.matrix).astype(np.float32)


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Folder of crops and pairs: noise about a picture for each person."""
    folder, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    pairs = []
    for person in range(PEOPLE):
        (folder / f"p{person}").mkdir()
        face = rng.uniform(0, 255, (4, 4, 3))
        for photo in range(PHOTOS):
            noisy = np.clip(face + 60 * rng.normal(size=face.shape), 0, 255)
            file = folder / f"p{person}" / f"{photo}.png"
            Image.fromarray(noisy.astype(np.uint8)).save(file)
            fold, other = person // (PEOPLE // 2), photo + 1
            if other < PHOTOS:
                left, right = f"p{person}/{photo}", f"p{person}/{other}"
                pairs.append(Pair(left, right, True, fold))
            stranger = person + 1 if (person + 1) % (PEOPLE // 2) else person - 1
            left, right = f"p{person}/{photo}", f"p{stranger}/{(photo + 1) % PHOTOS}"
            pairs.append(Pair(left, right, False, fold))
    return folder, PairList(tuple(pairs), folds=2)


def embedding(source, folder, name):
    pixels = np.asarray(Image.open(folder / f"{name}.png")).reshape(-1) / 255 - 0.5
    return pixels @ source.matrix


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


@pytest.mark.parametrize("mirror", [False, True])
def test_plain_report_is_that_of_evaluate_verification(crops, mirror):
    folder, pairs = crops
    expected = evaluate_verification(
        ModelEmbeddings(Embedder(0)), folder, pairs, mirror=mirror
    )
    report = PairEvaluator(folder, pairs, mirror).plain(Embedder(0))
    np.testing.assert_array_equal(report.plain_scores, expected.plain_scores)
    assert report.fold_accuracies == expected.fold_accuracies
    assert (report.mirror, report.embedding_dim) == (mirror, 6)
    assert report.milliseconds_per_face > 0


def test_mixed_scores_are_of_the_left_by_the_gallery_and_the_right_by_the_probe(crops):
    folder, pairs = crops
    gallery, probe = Embedder(0), Embedder(1)
    evaluator = PairEvaluator(folder, pairs, mirror=False)
    evaluator.plain(gallery)
    evaluator.plain(probe)
    calls = gallery.calls + probe.calls
    report = evaluator.cross_variant(gallery, probe)
    assert gallery.calls + probe.calls == calls  # nothing is embedded again
    expected = [
        cosine(
            embedding(gallery, folder, pair.left),
            embedding(probe, folder, pair.right),
        )
        for pair in pairs.pairs
    ]
    np.testing.assert_allclose(report.plain_scores, expected, atol=1e-6)
    swapped = evaluator.cross_variant(probe, gallery).plain_scores
    assert np.abs(np.array(expected) - swapped).max() > 0.01
    np.testing.assert_array_equal(report.same, [pair.same for pair in pairs.pairs])


def test_missing_photo_has_no_score(crops):
    folder, pairs = crops
    lost = PairList(
        (*pairs.pairs, Pair("p0/0", "nobody/1", True, 0)), folds=pairs.folds
    )
    evaluator = PairEvaluator(folder, lost, mirror=False)
    source = Embedder(0)
    assert np.isnan(evaluator.plain(source).plain_scores[-1])
    assert np.isnan(evaluator.cross_variant(source, source).plain_scores).sum() == 1


def test_folder_without_the_photos_is_refused(crops, tmp_path):
    with pytest.raises(InputError, match="none of the 24 photos .* the first is p0/0"):
        PairEvaluator(tmp_path, crops[1]).plain(Embedder(0))


def test_features_of_unlike_lengths_are_refused(crops):
    folder, pairs = crops
    evaluator = PairEvaluator(folder, pairs, mirror=False)
    short, whole = Embedder(0), Embedder(0)
    short.matrix, short.embedding_dim = short.matrix[:, :4], 4
    for source in (short, whole):
        evaluator.plain(source)
    with pytest.raises(InputError, match="gallery=4, probe=6"):
        evaluator.cross_variant(short, whole)
