"""Tests for tf_sphereface.evaluation.embeddings: models and files as sources."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import KFold
from sklearn.preprocessing import normalize

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.data.alignment.settings import given_landmarks
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    EmbeddingFile,
    ModelEmbeddings,
    Pair,
    PairList,
    embed_folder,
    evaluate_verification,
    load_embedding_source,
    pair_list_of_set,
)
from tf_sphereface.evaluation.verification.pair_evaluator import require_one_length
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import PixelContract


class CornerEmbedder:
    """Embeds a crop as the colours of its left upper pixel."""

    kind = "keras"
    pixel_contract = PixelContract(2, 2)
    embedding_dim = 3

    def embed(self, aligned_faces):
        return aligned_faces[:, 0, 0].astype(np.float32)


def corner_source():
    return ModelEmbeddings(CornerEmbedder())


@pytest.fixture
def images(tmp_path):
    """Two photos of each of four people; left and right pixels differ."""
    rng = np.random.default_rng(0)
    for name in "abcd":
        (tmp_path / name).mkdir()
        colours = rng.integers(40, 200, (1, 2, 3))
        for number in (1, 2):
            pixels = np.repeat(colours + rng.integers(-5, 5, (1, 2, 3)), 2, axis=0)
            Image.fromarray(pixels.astype(np.uint8)).save(
                tmp_path / name / f"{number}.png"
            )
    return tmp_path


@pytest.fixture
def pairs():
    listed = []
    for fold, (one, two) in enumerate(("ab", "cd")):
        listed += [Pair(f"{p}/1.png", f"{p}/2.png", True, fold) for p in (one, two)]
        listed += [
            Pair(f"{one}/{n}.png", f"{two}/{n}.png", False, fold) for n in (1, 2)
        ]
    return PairList(tuple(listed), 2)


@pytest.mark.parametrize(
    ("fit", "shift", "message"),
    [
        ("crop", 0, None),
        (None, 0, None),  # what another program has aligned
        ("photo", 0, "their least squares are in the photo, not in the crop"),
        ("crop", 0.6, "their landmarks are up to 0.8 pixels apart"),
    ],
)
def test_crops_that_the_model_does_not_take_are_noted(
    images, pairs, fit, shift, message
):
    points = np.arange(10.0).reshape(5, 2)
    if fit:
        crop = CropGeometry(2, 2, points + shift, fit)
        record = {"library_version": "1", "settings": given_landmarks(crop)}
        (images / "align.json").write_text(json.dumps(record))
    taken = CropGeometry(2, 2, points)
    source = ModelEmbeddings(CornerEmbedder(), notes=("first",), crop=taken)
    for _ in range(2):
        source.features(pairs.photos(), images)
    first, *others = source.notes
    assert first == "first" and len(others) == (message is not None)
    assert all(message in note and note.startswith(images.name) for note in others)


def test_models_say_the_crops_that_they_take(tmp_path):
    crop = CropGeometry(24, 24, fit="photo")
    arguments = {"embedding_dim": 4, "width_multiplier": 0.0625}
    network = SphereFaceCNN(4, height=24, width=24, crop=crop.kind, **arguments)
    network.save(tmp_path / "model.keras")
    usual = tmp_path / "crops"
    usual.mkdir()
    record = {"settings": given_landmarks(CropGeometry(24, 24))}
    (usual / "align.json").write_text(json.dumps(record))
    Image.new("RGB", (24, 24)).save(usual / "1.png")
    source = load_embedding_source(tmp_path / "model.keras")
    source.features(["1.png"], usual)
    assert "in the crop, not in the photo" in source.notes[-1]


def test_folder_becomes_a_file_of_embeddings(images):
    file = embed_folder(corner_source(), images)
    assert file.names == tuple(f"{name}/{n}.png" for name in "abcd" for n in (1, 2))
    assert file.identities == tuple("aabbccdd")
    assert (file.mirror, file.embedding_dim, file.embeddings.shape) == (True, 3, (8, 6))
    pixels = np.asarray(Image.open(images / "c" / "2.png"))
    expected = np.concatenate([pixels[0, 0], pixels[0, 1]])  # face, mirror image
    np.testing.assert_array_equal(file.embeddings[5], expected)


@pytest.mark.parametrize(
    ("policy", "concatenated"), [("mean", False), ("concat", True)]
)
def test_whole_features_are_not_mirrored_again(images, pairs, policy, concatenated):
    class WholeFeatures(CornerEmbedder):
        """Left and right upper pixel, or the mean of the two."""

        mirrors_itself, mirror = True, policy
        embedding_dim = 6 if concatenated else 3

        def embed(self, aligned_faces):
            corners = aligned_faces[:, 0].astype(np.float32)
            if concatenated:
                return corners.reshape(len(corners), 6)
            return corners.mean(axis=1)

    source, plain = ModelEmbeddings(WholeFeatures()), corner_source()
    file, expected = embed_folder(source, images), embed_folder(plain, images)
    assert file.mirror is concatenated
    rows = expected.embeddings
    if not concatenated:
        rows = (rows[:, :3] + rows[:, 3:]) / 2
    np.testing.assert_array_equal(file.embeddings, rows)
    report = evaluate_verification(source, images, pairs)
    assert report.mirror is concatenated
    if concatenated:
        sums = evaluate_verification(plain, images, pairs, rule="insightface")
        ours = evaluate_verification(source, images, pairs, rule="insightface")
        np.testing.assert_array_equal(ours.scores, sums.scores)


def test_file_gives_what_the_model_gave(images):
    names = ["d/2", "a/1.png", "e/1.png"]
    file = embed_folder(corner_source(), images)
    found = file.features(names)
    model = corner_source()
    np.testing.assert_array_equal(found, model.features(names, images))
    assert np.isnan(found[2]).all() and np.isfinite(found[:2]).all()


@pytest.mark.parametrize("rule", ["sphereface", "insightface"])
def test_report_of_a_file_is_that_of_its_model(images, pairs, rule):
    source = corner_source()
    model = evaluate_verification(source, images, pairs, rule=rule)
    file = embed_folder(source, images)
    report = evaluate_verification(file, None, pairs, rule=rule)
    ours, theirs = report.to_json(), model.to_json()
    assert ours.pop("milliseconds_per_face") is None
    theirs.pop("milliseconds_per_face")
    assert ours == theirs
    np.testing.assert_array_equal(report.scores, model.scores)


def test_missing_photo_is_wrong_skipped_or_an_error(images, pairs):
    (images / "a" / "1.png").unlink()
    wrong, skipped = (
        evaluate_verification(corner_source(), images, pairs, missing=missing)
        for missing in ("wrong", "skip")
    )
    hit = np.isnan(wrong.plain_scores)
    assert (hit.sum(), len(wrong.same), len(skipped.same)) == (2, 8, 6)
    assert not wrong.right_calls[hit].any()
    np.testing.assert_array_equal(wrong.right_calls[~hit], skipped.right_calls)
    np.testing.assert_allclose(wrong.scores[~hit], skipped.scores, atol=1e-12)
    assert skipped.missing_photos == wrong.missing_photos == ("a/1.png",)
    assert any("2 of 8 pairs lack a photo and are left out" in n for n in skipped.notes)
    assert len(skipped.people.left) == 6
    with pytest.raises(InputError, match=r"1 of the 8 photos.* the first is a/1.png"):
        evaluate_verification(corner_source(), images, pairs, missing="error")
    with pytest.raises(InputError, match="missing='ignore'"):
        evaluate_verification(corner_source(), images, pairs, missing="ignore")


def test_people_in_two_folds_are_noted_in_the_report(images, pairs):
    crossing = Pair("a/1.png", "c/1.png", False, 1)
    listed = PairList((*pairs.pairs, crossing), 2)
    report = evaluate_verification(corner_source(), images, listed)
    assert any("1 of 4 people are in more than one fold" in n for n in report.notes)


def test_people_of_a_file_are_those_that_it_names(images, pairs):
    file = embed_folder(corner_source(), images)
    one_person = EmbeddingFile(file.embeddings, file.names, ["x"] * 8, mirror=True)
    report = evaluate_verification(one_person, None, pairs)
    assert any("4 impostor pairs are of one person" in note for note in report.notes)


def test_set_in_runs_is_judged_as_the_published_script_judges_it():
    """Pairs of a .bin file in their order, in contiguous folds by scikit-learn."""
    rng = np.random.default_rng(2)
    flags = ([True] * 6 + [False] * 6) * 10
    names, rows, listed = [], [], []
    for number, same in enumerate(flags):
        one = rng.normal(size=6)
        other = (one if same else rng.normal(size=6)) + 0.8 * rng.normal(size=6)
        people = (f"pair_{number}",) * 2 if same else (f"l{number}", f"r{number}")
        photos = tuple(f"{name}/{n}.png" for n, name in enumerate(people, start=1))
        listed.append((*photos, same))
        names += photos
        rows += [one, other]
    file = EmbeddingFile(np.array(rows), names)
    report = evaluate_verification(
        file, None, pair_list_of_set(listed), rule="insightface"
    )
    unit = normalize(file.embeddings.astype(float))
    distances, same = ((unit[::2] - unit[1::2]) ** 2).sum(axis=1), np.array(flags)
    expected = []
    for train, test in KFold(10).split(distances):
        calls = distances[:, None] < np.arange(0, 4, 0.01)
        best = (calls[train] == same[train, None]).mean(axis=0).argmax()
        expected.append((calls[test, best] == same[test]).mean())
    assert report.fold_accuracies == pytest.approx(expected)
    assert 0.7 < report.accuracy < 1


def test_model_without_a_folder_is_refused():
    with pytest.raises(InputError, match="say --images"):
        corner_source().features(["a/1.png"], None)


def test_features_of_unlike_models_are_refused():
    require_one_length(probes=np.ones((2, 4)), gallery=np.ones((5, 4)))
    with pytest.raises(InputError, match="probes=4, gallery=8"):
        require_one_length(probes=np.ones((2, 4)), gallery=np.ones((5, 8)))


def test_missing_photos_are_looked_for_where_they_should_be(images, pairs):
    file = embed_folder(corner_source(), images)
    file = EmbeddingFile(file.embeddings[1:], file.names[1:])
    with pytest.raises(InputError, match="are not in the file of embeddings"):
        evaluate_verification(file, images, pairs, missing="error")
