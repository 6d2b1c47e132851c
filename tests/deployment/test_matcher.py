"""Tests for tf_sphereface.deployment.matcher."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.deployment import FaceMatcher, match_photos
from tf_sphereface.deployment.bundle import Bundle
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import align_face


@pytest.fixture(scope="module")
def photos(bundle):
    files = [bundle.path / f"golden/photo_{index}.png" for index in range(2)]
    return [np.asarray(Image.open(file)) for file in files]


def with_thresholds(bundle, thresholds):
    variant = bundle.contract.variants["none"]
    variants = {"none": variant.model_copy(update={"thresholds": thresholds})}
    contract = bundle.contract.model_copy(update={"variants": variants})
    return Bundle(bundle.path, contract)


def test_feature_is_the_crop_then_its_mirror_image(bundle, photos):
    matcher = FaceMatcher(bundle)
    feature = matcher.embed_photo(photos[0])
    face = matcher.find_face(photos[0])
    crop = align_face(photos[0], face.landmarks)
    embedder = bundle.embedder()
    np.testing.assert_allclose(feature[:32], embedder.embed(crop[None])[0], atol=1e-6)
    flipped = np.ascontiguousarray(np.fliplr(crop))
    np.testing.assert_allclose(
        feature[32:], embedder.embed(flipped[None])[0], atol=1e-6
    )


def test_feature_without_mirror_policy_is_the_embedding(bundle, photos):
    contract = bundle.contract.model_copy(update={"mirror": False})
    plain = FaceMatcher(Bundle(bundle.path, contract))
    feature = FaceMatcher(bundle).embed_photo(photos[0])
    np.testing.assert_array_equal(plain.embed_photo(photos[0]), feature[:32])


def test_mirrored_photo_is_nearly_the_same_face(bundle, photos):
    matcher = FaceMatcher(bundle)
    feature = matcher.embed_photo(photos[0])
    assert matcher.score(feature, feature) == pytest.approx(1)
    assert -1 <= matcher.score(feature, matcher.embed_photo(photos[1])) < 0.999


def test_score_is_the_cosine_of_unequal_lengths(bundle):
    matcher = FaceMatcher(bundle)
    assert matcher.score([3, 0], [5, 5]) == pytest.approx(np.sqrt(0.5))
    assert matcher.score([1, 0], [-2, 0]) == -1
    for bad in ([0, 0], [np.nan, 1]):
        with pytest.raises(ValueError, match="finite and not zero"):
            matcher.score([1, 0], bad)


def test_photo_without_a_face_is_an_input_error(bundle):
    grey = np.full((120, 120, 3), 127, np.uint8)
    with pytest.raises(InputError, match="no face"):
        FaceMatcher(bundle).embed_photo(grey)


def test_thresholds_come_from_the_variant(bundle):
    measured = FaceMatcher(with_thresholds(bundle, {"far_0.01": 0.25}))
    assert measured.threshold(0.01) == 0.25
    with pytest.raises(InputError, match="no threshold at FAR 0.001.*far_0.01"):
        measured.threshold(0.001)
    assert FaceMatcher(bundle).threshold(0.01) is None


@pytest.mark.parametrize(("shift", "same"), [(0.0, True), (1e-6, False)])
def test_score_at_the_threshold_is_the_same_person(bundle, monkeypatch, shift, same):
    files = tuple(bundle.path / f"golden/photo_{index}.png" for index in (0, 1))
    score = match_photos(bundle.path, files)["score"]
    measured = with_thresholds(bundle, {"far_0.01": score + shift})
    monkeypatch.setattr(
        "tf_sphereface.deployment.matcher.load_bundle", lambda path: measured
    )
    result = match_photos(bundle.path, files)
    assert (result["same"], result["threshold"]) == (same, score + shift)
