"""Tests for tf_sphereface.gallery.watching: people in front of a camera."""

import numpy as np
import pytest

from tests.gallery.rendered_people import RenderedEmbedder, picture
from tf_sphereface.data.photos.frames import Frame
from tf_sphereface.errors import InputError
from tf_sphereface.gallery import Gallery, GalleryStore
from tf_sphereface.gallery.identity import features_of
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.watching import enroll_from_frames, identify_frames

NOBODY = np.full((160, 140, 3), 90, np.uint8)


@pytest.fixture
def gallery(path):
    embedder = RenderedEmbedder()
    make_gallery(path, features_of(embedder.contract, embedder.variant))
    with Gallery(GalleryStore(path), embedder) as gallery:
        yield gallery


def film(*pictures, rate=10):
    return [Frame(pixels, index / rate) for index, pixels in enumerate(pictures)]


def test_templates_of_a_film_lie_apart_and_bad_pictures_are_told(gallery):
    dark = picture(1, 99) // 8
    pictures = [NOBODY, dark, dark, *(picture(1, seed) for seed in range(20))]
    told = []
    taken = enroll_from_frames(gallery, "Ada", film(*pictures), 2, tell=told.append)
    assert taken == 2
    assert told == ["no face found", "too dark: turn towards the light"]
    first, second = gallery.store.templates("Ada")
    assert first.source == "camera"
    # 0.7 s at 10 pictures a second: the fourth and the eleventh
    for template, seed in ((first, 0), (second, 7)):
        ((_, score),) = gallery.store.matrix().nearest(template.feature)
        probe = gallery.identify(pictures[3 + seed])[0]
        assert score == pytest.approx(probe["score"], abs=1e-5)
        assert probe["score"] == pytest.approx(1, abs=1e-6)
    assert gallery.identify(pictures[4])[0]["score"] < 1 - 1e-6


def test_an_enrolment_ends_when_its_time_is_over(gallery):
    pictures = [picture(1, seed) for seed in range(30)]
    assert enroll_from_frames(gallery, "Ada", film(*pictures), 9, seconds=1.5) == 3
    assert enroll_from_frames(gallery, "Bob", film(NOBODY, NOBODY)) == 0
    assert [person.name for person in gallery.people()] == ["Ada"]


def test_people_of_a_film_are_named_once_each(gallery):
    gallery.enroll("Ada", picture(1, 0))
    pictures = [picture(1, seed) for seed in (1, 2, 3, 4)] + 5 * [NOBODY]
    pictures += [picture(3, seed) for seed in (1, 2, 3)]
    ada, stranger = identify_frames(gallery, film(*pictures))
    assert (ada["name"], ada["decision"], ada["frames"]) == ("Ada", "known", 4)
    assert ada["seconds"] == [0, 0.3] and ada["score"] > 0.5
    assert (stranger["name"], stranger["decision"]) == (None, "unknown")
    (early,) = identify_frames(gallery, film(*pictures), seconds=0.1)
    assert early["decision"] is None  # two pictures do not suffice
    with pytest.raises(InputError, match="no face found in any picture"):
        identify_frames(gallery, film(NOBODY))
