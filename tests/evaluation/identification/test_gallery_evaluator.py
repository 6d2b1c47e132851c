"""Tests of the search over a folder: its sets, and two models as gallery and probes."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.identification import gallery_evaluator
from tf_sphereface.evaluation.identification.gallery_evaluator import (
    GalleryEvaluator,
    gallery_sets,
)
from tf_sphereface.evaluation.pairs.pair_list import Pair, PairList
from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator
from tf_sphereface.preprocessing import PixelContract


def photos(**counts):
    return [f"{name}/{i}.png" for name, count in counts.items() for i in range(count)]


def test_people_with_one_photo_are_strangers():
    sets = gallery_sets(photos(a=3, b=2, c=1, d=1))
    assert sets.gallery == ("a/0.png", "b/0.png")
    assert sets.probes == ("a/1.png", "a/2.png", "b/1.png", "c/0.png", "d/0.png")


def test_every_third_person_is_a_stranger_if_there_are_no_others():
    names = photos(a=2, b=2, c=2, d=2, e=2, f=2, g=1)
    sets = gallery_sets(names)
    assert [name[0] for name in sets.gallery] == list("abde")
    strangers = {name[0] for name in sets.probes} - set("abde")
    assert strangers == set("cfg")
    assert sorted(sets.gallery + sets.probes) == sorted(names)
    assert gallery_sets(names[::-1]) == sets


@pytest.mark.parametrize("counts", [{}, {"a": 5}, {"a": 1, "b": 1}, {"a": 2, "b": 2}])
def test_without_strangers_or_known_people_there_is_no_search(counts):
    with pytest.raises(InputError, match="people with two photos, and others"):
        gallery_sets(photos(**counts))


class Embedder:
    """Turns a vector by the grey of the crop; of one grey by another angle."""

    kind, embedding_dim = "test", 2
    pixel_contract = PixelContract()

    def __init__(self, turned=None):
        self.turned, self.faces = turned, 0

    def embed(self, crops):
        self.faces += len(crops)
        angles = crops[:, 0, 0, 0].astype(np.float64) / 255
        if self.turned is not None:
            angles = np.where(np.isclose(angles, self.turned / 255), 1.5, angles)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Four people of two photos, of 0, 80, 160 and 240, and strangers of 200, 250."""
    for name, values in {
        **{"a": (0, 2), "b": (80, 82), "c": (160, 161), "d": (240, 241)},
        **{"x": (200,), "y": (250,)},
    }.items():
        (tmp_path / name).mkdir()
        for number, value in enumerate(values):
            pixels = np.full((112, 96, 3), value, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


@pytest.fixture
def evaluator(folder):
    pairs = PairList(
        tuple(
            Pair(left, right, left[0] == right[0], fold)
            for fold in (0, 1)
            for left, right in (("a/0.png", "a/1.png"), ("a/0.png", "b/0.png"))
        ),
        folds=2,
    )
    return PairEvaluator(folder, pairs, mirror=False)


def test_models_are_gallery_and_probes(evaluator):
    search = GalleryEvaluator(evaluator)
    right, wrong = Embedder(), Embedder(turned=82)  # b's probe goes astray
    for model in (right, wrong):
        evaluator.plain(model)
    same = search.identify(right, right)
    assert (same.rank_1, same.counts["gallery_people"]) == (1, 4)
    assert (same.counts["trials"], same.counts["unknown_probes"]) == (4, 2)
    assert search.identify(right, wrong).rank_1 == 0.75
    assert search.identify(wrong, right).rank_1 == 1  # its gallery is as it should be


def test_of_many_photos_whole_people_are_taken(evaluator, monkeypatch):
    monkeypatch.setattr(gallery_evaluator, "_MOST_PHOTOS", 7)  # of ten
    search, model = GalleryEvaluator(evaluator), Embedder()
    evaluator.plain(model)
    found = search.identify(model, model)
    # Every second person: a and c, whose two photos are known, and x.
    assert (found.counts["gallery_people"], found.counts["probes"]) == (2, 3)


def test_a_photo_is_embedded_once(evaluator):
    search, model = GalleryEvaluator(evaluator), Embedder()
    evaluator.plain(model)
    assert model.faces == 3
    search.identify(model, model)
    search.identify(model, model)
    evaluator.plain(model)
    assert model.faces == 10
