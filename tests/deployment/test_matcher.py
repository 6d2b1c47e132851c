"""Tests for tf_sphereface.deployment.matcher."""

import shutil
import textwrap

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
    with pytest.raises(ValueError, match=r"first=\(2,\), second=\(3,\)"):
        matcher.score([1, 0], [1, 0, 0])
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
    assert FaceMatcher(bundle).threshold(0.01) is None


@pytest.mark.parametrize(
    ("measured", "far", "message"),
    [
        (
            {"accuracy": 0.3, "far_0.1": 0.2},
            0.01,
            "the bundle has no threshold at FAR 0.01; it has FAR 0.1: say --far 0.1 "
            "(a FAR of 0.01 needs 100 impostor pairs to measure)",
        ),
        (
            {"far_0.1": 0.2, "far_0.0001": 0.6},
            0.001,
            "the bundle has no threshold at FAR 0.001; it has FAR 0.0001, 0.1: say "
            "--far 0.0001 (a FAR of 0.001 needs 1000 impostor pairs to measure)",
        ),
        (
            {"accuracy": 0.3},
            0.3,
            "the bundle has no threshold at FAR 0.3 "
            "(a FAR of 0.3 needs 4 impostor pairs to measure)",
        ),
    ],
)
def test_missing_far_names_those_that_were_measured(bundle, measured, far, message):
    with pytest.raises(InputError) as caught:
        FaceMatcher(with_thresholds(bundle, measured)).threshold(far)
    assert str(caught.value) == message


@pytest.mark.parametrize("far", [0.0, -0.1, 1.5, float("nan")])
def test_far_that_is_no_rate_is_refused(bundle, far):
    with pytest.raises(InputError, match="a FAR must be above 0 and at most 1"):
        FaceMatcher(bundle).threshold(far)


def test_paths_in_place_of_contents_are_type_errors(bundle):
    with pytest.raises(TypeError, match="`bundle` must be a Bundle.*load_bundle"):
        FaceMatcher(bundle.path)
    matcher, path = FaceMatcher(bundle), bundle.path / "golden/photo_0.png"
    for call in (matcher.embed_photo, matcher.find_face):
        for photo in (path, str(path)):
            with pytest.raises(TypeError, match="`photo` must be .*read_photo"):
                call(photo)


def test_example_of_the_docstring_can_be_pasted(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle").symlink_to(bundle.path)
    for index, name in enumerate(("first.jpg", "second.jpg")):
        # The suffix does not decide how a photo is read.
        shutil.copy(bundle.path / f"golden/photo_{index}.png", name)
    names = {}
    exec(textwrap.dedent(FaceMatcher.__doc__.split("Example:\n")[1]), names)
    assert -1 <= names["score"] < 1
    assert (names["threshold"], names["same"]) == (None, False)


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
