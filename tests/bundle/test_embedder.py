"""Tests for tf_sphereface.bundle.embedder."""

import shutil
import textwrap

import numpy as np
import pytest
from PIL import Image

from tests.bundle.small_bundles import (
    failed,
    with_contract,
    with_variants,
    write_bundle,
)
from tf_sphereface.bundle.records import (
    STEPS,
    FeatureRecord,
    VariantMeasurement,
    Verification,
)
from tf_sphereface.bundle.tflite_embedder import TFLiteEmbedder
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.deployment import Embedder
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import LANDMARK_TEMPLATE, CropGeometry, align_face
from tf_sphereface.preprocessing import PixelContract


def converted(backbone, **feature):
    return FloatModel(backbone, PixelContract(), FeatureRecord(**feature)).content


@pytest.fixture(scope="module")
def plain(tiny, tmp_path_factory):
    """A bundle whose file embeds one normalised crop; policy "concat"."""
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    return write_bundle(folder, converted(tiny()), 32)


@pytest.fixture(scope="module")
def faces():
    return list(synthetic_faces(PixelContract(), 3, 1))


@pytest.fixture(scope="module")
def photos(faces):
    return [face.photo for face in faces]


def oracle(backbone, crops):
    """Embeddings of crops and of their mirror images, through Keras."""
    parts = []
    for faces in (crops, np.flip(crops, axis=2)):
        inputs = (faces.astype(np.float64) - 127.5) / 128
        parts.append(backbone.predict(inputs.astype(np.float32), verbose=0))
    return parts


def test_crops_have_the_template_and_fit_of_the_contract(plain, photos):
    wanted = CropGeometry(112, 96, LANDMARK_TEMPLATE + 2, "photo")
    said = {"landmark_template": wanted.template, "landmark_fit": "photo"}
    fitted, usual = Embedder(with_contract(plain, **said)), Embedder(plain)
    assert (fitted.crop, usual.crop.fit) == (wanted, "crop")
    (face,) = usual.find_faces(photos[0], "centre")
    (crop,) = fitted.crop_faces(photos[0], [face])
    np.testing.assert_array_equal(crop, align_face(photos[0], face.landmarks, wanted))
    other = usual.crop_faces(photos[0], [face])[0].astype(int)
    assert np.abs(crop - other).mean() > 1


@pytest.mark.parametrize("mirror", ["none", "concat", "mean"])
def test_feature_follows_the_mirror_policy(plain, tiny, crops, mirror):
    embedder = Embedder(with_contract(plain, feature=FeatureRecord(mirror=mirror)))
    straight, mirrored = oracle(tiny(), crops)
    expected = {
        "none": straight,
        "concat": np.hstack([straight, mirrored]),
        "mean": (straight + mirrored) / 2,
    }[mirror]
    features = embedder.embed_crops(crops)
    assert features.shape == (12, embedder.feature_dim)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert embedder.embed_crops(crops[:0]).shape == (0, embedder.feature_dim)


@pytest.mark.quick_cases("concat")
@pytest.mark.parametrize("mirror", ["concat", "mean"])
def test_graph_with_everything_inside_gives_the_same_feature(
    plain, tiny, crops, tmp_path, mirror
):
    content = converted(tiny(), mirror=mirror, inside=STEPS)
    inside = Embedder(write_bundle(tmp_path / "b", content, 32, mirror, STEPS))
    outside = Embedder(with_contract(plain, feature=FeatureRecord(mirror=mirror)))
    features, expected = inside.embed_crops(crops), outside.embed_crops(crops)
    assert inside.feature_dim == features.shape[1]
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_features_are_the_same_bits_in_any_batch(plain, photos, crops):
    one, three = Embedder(plain, threads=1), Embedder(plain, threads=3)
    together = one.embed_crops(crops)
    np.testing.assert_array_equal(three.embed_crops(crops), together)
    for index in (0, 7):
        alone = three.embed_crops(crops[index : index + 1])[0]
        np.testing.assert_array_equal(alone, together[index])
    wide = np.pad(photos[0], ((0, 0), (0, 40), (0, 0)))
    mixed = [photos[0], wide, photos[1], photos[2], photos[1]]
    expected = [one.embed_photo(photo) for photo in mixed]
    for embedder in (one, three):
        np.testing.assert_array_equal(embedder.embed_photos(mixed)[0], expected)


def test_photo_is_found_warped_and_embedded(plain, photos):
    embedder = Embedder(plain)
    feature = embedder.embed_photo(photos[0])
    (face,) = plain.detector().detect([photos[0]])[0]
    crop = align_face(photos[0], face.landmarks)
    np.testing.assert_array_equal(feature, embedder.embed_crops(crop[None])[0])
    np.testing.assert_array_equal(feature[:32], plain.embedder().embed(crop[None])[0])
    score = embedder.score(feature, embedder.embed_photo(photos[1]))
    assert -1 <= score < 0.9999


def test_several_faces_are_all_found_and_can_be_chosen(plain, photos):
    """A large face on the left, a smaller one in the middle."""
    photo = np.full((250, 640, 3), 127, np.uint8)
    photo[:, :250] = photos[0]
    photo[:180, 250:430] = Image.fromarray(photos[1]).resize((180, 180))
    embedder = Embedder(plain)
    found = embedder.find_faces(photo)
    assert len(found) == 2
    middle, large = found
    assert middle.box[0] > large.box[2]
    for choose, expected in (("centre", middle), ("largest", large)):
        (chosen,) = embedder.find_faces(photo, choose)
        np.testing.assert_array_equal(chosen.box, expected.box)
        np.testing.assert_array_equal(
            embedder.embed_photo(photo, choose),
            embedder.embed_faces(photo, [expected])[0],
        )
    features = embedder.embed_faces(photo, found)
    assert features.shape == (2, embedder.feature_dim)
    assert embedder.crop_faces(photo, found).shape == (2, 112, 96, 3)
    with pytest.raises(ValueError, match="find_faces and embed_faces.*'all'"):
        embedder.embed_photos([photo], "all")
    with pytest.raises(ValueError, match="`choose` must be one of .*'first'"):
        embedder.find_faces(photo, "first")


def test_photo_without_a_face_has_no_feature(plain, photos):
    embedder, grey = Embedder(plain), np.full((120, 120, 3), 127, np.uint8)
    features, found = embedder.embed_photos([grey, photos[0]])
    assert np.isnan(features[0]).all() and np.isfinite(features[1]).all()
    assert found[0] is None and found[1] is not None
    assert embedder.find_faces(grey) == []
    with pytest.raises(InputError, match="no face"):
        embedder.embed_photo(grey)
    with pytest.raises(ValueError, match="finite and not zero"):
        embedder.compare(features, features)
    features, found = embedder.embed_photos([])
    assert (features.shape, found) == ((0, 64), [])


def test_comparison_is_the_cosine_of_unequal_lengths(plain):
    embedder = Embedder(plain)
    assert embedder.score([3, 0], [5, 5]) == pytest.approx(np.sqrt(0.5))
    assert embedder.score([1, 0], [-2, 0]) == -1
    scores = embedder.compare([[3, 0], [0, 2]], [[5, 5], [-1, 0], [7, 0]])
    np.testing.assert_allclose(
        scores, [[np.sqrt(0.5), -1, 1], [np.sqrt(0.5), 0, 0]], atol=1e-15
    )
    with pytest.raises(ValueError, match=r"first=\(2,\), second=\(3,\)"):
        embedder.score([1, 0], [1, 0, 0])
    with pytest.raises(ValueError, match=r"features=\(2,\), gallery=\(1, 2\)"):
        embedder.compare([1, 0], [[1, 0]])
    for bad in ([0, 0], [np.nan, 1]):
        with pytest.raises(ValueError, match="finite and not zero"):
            embedder.score([1, 0], bad)


def test_thresholds_come_from_the_variant(plain):
    cross_variant = VariantMeasurement(
        verification=Verification(pairs=10, accuracy=1, tar_at_far={}),
        thresholds={"far_0.01": 0.5},
    )
    changes = {"thresholds": {"far_0.01": 0.25}, "cross_variant": cross_variant}
    measured = Embedder(with_variants(plain, none=changes))
    assert measured.threshold(0.01) == 0.25
    assert measured.threshold(0.01, cross_variant=True) == 0.5
    assert Embedder(plain).threshold(0.01) is None
    assert Embedder(plain).threshold(0.01, cross_variant=True) is None


def test_variant_that_failed_its_gate_is_refused(plain):
    gate = failed("mean cosine 0.91 is below 0.98", "rank agreement 0.9 is below 0.99")
    bundle = with_variants(plain, int8={"gate": gate}, fp16={})
    with pytest.raises(InputError) as caught:
        Embedder(bundle, "int8")
    assert str(caught.value) == (
        "variant int8 failed its gate: mean cosine 0.91 is below 0.98; rank agreement "
        "0.9 is below 0.99; choose another with --variant: none, fp16"
    )
    assert Embedder(bundle).variant == "none"
    assert Embedder(bundle, "fp16").variant == "fp16"
    with pytest.raises(InputError, match="no variant 'int4'"):
        Embedder(bundle, "int4")
    with pytest.raises(InputError, match="failed its gate: x; no other passed"):
        Embedder(with_variants(plain, none={"gate": failed("x")}))


@pytest.mark.parametrize("wrong", [np.negative, np.fliplr, lambda rows: rows * np.nan])
def test_a_runtime_that_computes_otherwise_is_refused(plain, monkeypatch, wrong):
    right = TFLiteEmbedder.embed
    monkeypatch.setattr(TFLiteEmbedder, "embed", lambda *a: wrong(right(*a)))
    with pytest.raises(InputError, match="gives other numbers here than where it"):
        Embedder(plain)


def test_rounding_of_another_processor_is_none(plain, monkeypatch):
    right = TFLiteEmbedder.embed
    monkeypatch.setattr(TFLiteEmbedder, "embed", lambda *a: right(*a) * 1.005)
    assert Embedder(plain).variant == "none"


def test_bad_arguments_are_named(plain, photos):
    with pytest.raises(TypeError, match="`bundle` must be a folder or a Bundle"):
        Embedder(plain.contract)
    with pytest.raises(InputError, match="not a bundle"):
        Embedder(plain.path / "detector")
    with pytest.raises(ValueError, match="`threads` must be at least 1"):
        Embedder(plain, threads=0)
    embedder, path = Embedder(plain), plain.path / "photo.png"
    for call in (embedder.embed_photo, embedder.find_faces):
        for photo in (path, str(path)):
            with pytest.raises(InputError, match="no such photo: .*photo.png"):
                call(photo)
        with pytest.raises(TypeError, match="`photo` must be .*read_photo"):
            call([1])
        with pytest.raises(ValueError, match="`photo` must be uint8.*float64"):
            call(photos[0] / 255)
    with pytest.raises(ValueError, match="`aligned_faces` must be uint8"):
        embedder.embed_crops(np.zeros((1, 96, 112, 3), np.uint8))


def test_files_and_arrays_of_photos_give_the_same(plain, photos, tmp_path):
    embedder, path = Embedder(plain), tmp_path / "photo.png"
    Image.fromarray(photos[0]).save(path)
    expected = embedder.embed_photo(photos[0])
    np.testing.assert_array_equal(embedder.embed_photo(str(path)), expected)
    features, faces = embedder.embed_photos([path, photos[0]])
    np.testing.assert_array_equal(features, [expected, expected])
    np.testing.assert_array_equal(embedder.embed_faces(path, faces[:1])[0], expected)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
    with pytest.raises(InputError, match="no face found in .*photo.png"):
        embedder.embed_photo(path)


def test_example_of_the_docstring_can_be_pasted(plain, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(plain.path, tmp_path / "bundle")
    for photo, name in zip(photos[:2], ("first", "second"), strict=True):
        # The suffix does not decide how a photo is read.
        Image.fromarray(photo).save(tmp_path / f"{name}.jpg", format="PNG")
    (tmp_path / "photos").mkdir()
    shutil.copy(tmp_path / "second.jpg", tmp_path / "photos")
    names = {}
    exec(textwrap.dedent(Embedder.__doc__.split("Example:\n")[1]), names)
    assert -1 <= names["score"] < 1
    assert (names["threshold"], names["same"]) == (None, False)
    assert read_photo(tmp_path / "first.jpg").dtype == np.uint8
