"""Tests for tf_sphereface.gallery.gallery, identity, quality and transfer."""

import json

import cv2
import numpy as np
import pytest

from tests.gallery import rendered_people
from tests.gallery.rendered_people import RenderedEmbedder, contract, picture, save
from tests.gallery.small_galleries import SECRET
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.detection import Face
from tf_sphereface.errors import InputError
from tf_sphereface.gallery import (
    Gallery,
    GalleryStore,
    embed_again,
    export_gallery,
    import_gallery,
)
from tf_sphereface.gallery.identity import are_cross_variant, features_of
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.quality import measure, reasons_against
from tf_sphereface.gallery.transfer import import_new_gallery


def opened(path, embedder=None, secret=None, **options):
    embedder = embedder or RenderedEmbedder()
    if not path.exists():
        identity = features_of(embedder.contract, embedder.variant)
        make_gallery(path, identity, secret, **options)
    return Gallery(GalleryStore(path, secret), embedder)


@pytest.fixture
def photos(tmp_path):
    """Two photos each of three people: {(person, seed): file}."""
    return {
        (person, seed): save(
            tmp_path / f"photos/{person}/{seed}.png", picture(person, seed)
        )
        for person in (1, 2, 3)
        for seed in (0, 1)
    }


@pytest.fixture
def gallery(tmp_path, photos):
    with opened(tmp_path / "people.gallery", keep_crops=True) as gallery:
        assert gallery.enroll("Ada", photos[1, 0]) == []
        assert gallery.enroll("Bob", photos[2, 0]) == []
        yield gallery


def test_people_are_recognised_and_strangers_are_unknown(gallery, photos):
    (ada,) = gallery.identify(photos[1, 1])
    assert (ada["name"], ada["decision"], ada["nearest"]) == ("Ada", "known", "Ada")
    assert ada["score"] > 0.9 and ada["margin"] > 0.5
    (stranger,) = gallery.identify(photos[3, 1])
    assert (stranger["name"], stranger["decision"]) == (None, "unknown")
    assert stranger["score"] < 0.5


def test_a_score_between_two_thresholds_is_not_sure(gallery, tmp_path):
    mixed = picture(1, 0) // 4 + picture(3, 0) // 4 * 3
    (face,) = gallery.identify(save(tmp_path / "mixed.png", mixed))
    assert 0.2 < face["score"] < rendered_people.THRESHOLD
    assert (face["name"], face["decision"], face["nearest"]) == (
        None,
        "not sure",
        "Ada",
    )


def test_who_was_deleted_is_unknown(gallery, photos):
    assert gallery.forget("Ada") == 1
    (face,) = gallery.identify(photos[1, 1])
    assert (face["name"], face["nearest"], face["margin"]) == (None, "Bob", None)
    gallery.forget("Bob")
    (face,) = gallery.identify(photos[1, 1])
    assert (face["decision"], face["nearest"], face["score"]) == ("unknown", None, None)


def test_fewer_false_alarms_take_a_higher_threshold(gallery, photos):
    assert gallery.threshold().threshold == rendered_people.THRESHOLD
    strict = gallery.threshold(false_alarms=0.001)
    assert (strict.threshold, strict.templates) == (0.9, 2)
    assert strict.false_alarms == pytest.approx(2e-4)
    with pytest.raises(InputError, match="needs a FAR of 5e-05 per comparison"):
        gallery.identify(photos[1, 1], false_alarms=0.0001)


def test_rules_score_people_by_their_templates(gallery, photos, tmp_path):
    gallery.enroll("Ada", save(tmp_path / "x.png", picture(3, 0)), force=True)
    best = gallery.identify(photos[1, 1])[0]["score"]
    mean = gallery.identify(photos[1, 1], rule="mean")[0]["score"]
    assert mean < best - 0.3
    assert gallery.identify(photos[1, 1], rule="top-k", k=1)[0]["score"] == (
        pytest.approx(best, abs=1e-6)
    )


def test_enrolment_tells_why_a_face_is_not_taken(gallery, photos, tmp_path):
    people = gallery.people()
    dark = save(tmp_path / "dark.png", picture(1, 2) // 8)
    blurred = save(tmp_path / "blurred.png", cv2.GaussianBlur(picture(1, 2), (0, 0), 6))
    small = save(tmp_path / "small.png", cv2.resize(picture(1, 2), (70, 80)))
    expected = {dark: "too dark", blurred: "blurred", small: "too small"}
    for photo, reason in (expected | {photos[3, 0]: "unlike"}).items():
        found = gallery.enroll("Ada", photo)
        assert any(text.startswith(reason) for text in found), found
    assert gallery.people() == people
    assert gallery.enroll("Ada", dark, force=True)  # the reasons are told all the same
    assert gallery.people()[0].templates == 2
    with pytest.raises(InputError, match="no face found"):
        gallery.enroll(
            "Ada", save(tmp_path / "grey.png", np.full((99, 99, 3), 9, np.uint8))
        )
    with pytest.raises(InputError, match="a name must have"):
        gallery.enroll("", photos[1, 1])


GOOD = RenderedEmbedder().find_faces(picture(1))[0]
CROP = picture(1)[24:136, 22:118]


def changed(**parts):
    content = {"box": GOOD.box, "score": GOOD.score, "landmarks": GOOD.landmarks}
    return Face(**content | parts)


def reasons(face=GOOD, others=(), crop=CROP):
    return reasons_against(face, list(others), crop, contract().crop)


def test_a_good_face_has_no_reason_against_it():
    assert reasons() == []
    assert reasons(changed(landmark_confidence=0.95)) == []
    assert reasons(others=[changed(box=GOOD.box * 0.4)]) == []  # far behind
    quality = measure(GOOD, CROP)
    assert quality.eyes == pytest.approx(35.24, abs=0.01)
    assert abs(quality.turn) < 0.05 and 90 < quality.brightness < 160


def test_each_reason_against_a_face():
    turned = GOOD.landmarks.copy()
    turned[2, 0] += 14  # of 35 pixels between the eyes
    cases = {
        "too small: 21 pixels between the eyes, at least 23": reasons(
            changed(landmarks=GOOD.landmarks * 0.6)
        ),
        "too dark": reasons(crop=CROP // 5),
        "too bright": reasons(crop=255 - CROP // 8),
        "too little contrast": reasons(crop=CROP // 16 + np.uint8(120)),
        "blurred": reasons(crop=cv2.GaussianBlur(CROP, (0, 0), 6)),
        "turned to the side": reasons(changed(landmarks=turned)),
        "hardly a face: the detector is 80% sure": reasons(changed(score=0.8)),
        "uncertain eyes, nose and mouth": reasons(changed(landmark_confidence=0.0)),
        "two people": reasons(others=[changed(box=GOOD.box * 0.6)]),
    }
    for reason, (found,) in cases.items():
        assert found.startswith(reason)


def test_calibrating_a_bundle_again_keeps_its_galleries():
    first, again = contract(), contract(library_version="9.9", default_variant="int8")
    assert features_of(first, "none") == features_of(again, "none")
    assert features_of(first, "none") != features_of(first, "int8")


@pytest.mark.parametrize(
    "change",
    [
        {"feature": {"mirror": "mean", "inside": []}},
        {"landmark_fit": "photo"},
        {"embedding_dim": 25},
        {"detector": {**contract().model_dump()["detector"], "settings": {"x": 1.0}}},
    ],
)
def test_a_bundle_of_other_features_is_never_compared(change):
    stored = features_of(contract(), "none")
    with pytest.raises(InputError, match="of another bundle"):
        are_cross_variant(stored, contract(**change), "none")


def test_what_a_contract_gains_is_weighed_for_the_identity_of_features():
    """A new field belongs into `features_of`, unless no feature depends on it."""
    hashed = {"pixels", "embedding_dim", "feature", "detector", "variants"}
    hashed |= {"landmark_template", "landmark_fit"}
    without_effect = {"default_variant", "documents", "format_version", "golden"}
    without_effect |= {"library_version", "model", "samples"}
    assert set(BundleContract.model_fields) == hashed | without_effect


def test_a_quantised_variant_probes_a_float_gallery_by_its_thresholds(
    gallery, photos, tmp_path
):
    embedder = RenderedEmbedder(variant="int8")
    with opened(gallery.store.place, embedder) as probing:
        assert probing.cross_variant
        assert probing.threshold().threshold == 0.41  # of the contract's cross-variant
        assert probing.identify(photos[1, 1])[0]["name"] == "Ada"
        with pytest.raises(InputError, match="enrol with --variant none"):
            probing.enroll("Ada", photos[1, 1])
    with opened(tmp_path / "int8.gallery", embedder) as other:
        other.enroll("Ada", photos[1, 0])
    with pytest.raises(InputError, match="of another bundle"):
        opened(tmp_path / "int8.gallery", RenderedEmbedder())
    bare = contract()
    bare.variants["int8"] = bare.variants["int8"].model_copy(
        update={"cross_variant": None}
    )
    with pytest.raises(InputError, match="has no thresholds for int8 against it"):
        opened(gallery.store.place, RenderedEmbedder(bare, "int8"))


def test_kept_crops_are_embedded_again(gallery, photos):
    before = gallery.store.templates("Ada")[0].feature
    other = contract()
    other.variants["none"] = other.variants["none"].model_copy(
        update={"sha256": "9" * 64}
    )
    embedder = RenderedEmbedder(other)
    embedder.shift = 5.0
    with pytest.raises(InputError, match="of another bundle"):
        opened(gallery.store.place, embedder)
    assert embed_again(gallery.store, embedder) == 2
    np.testing.assert_allclose(
        gallery.store.templates("Ada")[0].feature, before + 5, atol=1e-4
    )
    with opened(gallery.store.place, embedder) as again:
        assert again.identify(photos[1, 1])[0]["name"] == "Ada"
    cropped = RenderedEmbedder(contract(landmark_fit="photo"))
    with pytest.raises(InputError, match="another size or template"):
        embed_again(gallery.store, cropped)


@pytest.fixture
def exported(gallery, tmp_path):
    path = tmp_path / "people.json"
    assert export_gallery(gallery.store, path) == 2
    return path


def new_like(gallery, path, **options):
    make_gallery(path, gallery.store.identity, **options)
    return GalleryStore(path, options.get("secret"))


def test_an_exported_gallery_is_the_same_elsewhere(gallery, exported, tmp_path):
    assert exported.stat().st_mode & 0o777 == 0o600
    assert import_new_gallery(tmp_path / "new.gallery", exported) == 2
    with GalleryStore(tmp_path / "new.gallery") as store:
        assert store.identity == gallery.store.identity
        assert import_gallery(store, exported) == 0  # nobody twice
        for name in ("Ada", "Bob"):
            (there,), (here,) = gallery.store.templates(name), store.templates(name)
            assert there.feature.tobytes() == here.feature.tobytes()
            assert (there.source, there.added) == (here.source, here.added)
            assert (there.quality, there.crop) == (here.quality, here.crop)
            assert here.crop
    with pytest.raises(InputError, match="--export must be new"):
        export_gallery(gallery.store, exported)


def test_an_encrypted_gallery_is_exported_with_a_key_only(
    gallery, exported, tmp_path, monkeypatch
):
    pytest.importorskip("cryptography")
    out = tmp_path / "sealed"
    with new_like(gallery, tmp_path / "new.gallery", secret=SECRET) as store:
        import_gallery(store, exported)
        with pytest.raises(InputError, match="with a key only"):
            export_gallery(store, out)
        export_gallery(store, out, SECRET)
        assert b"Ada" not in out.read_bytes()
        with pytest.raises(InputError, match="is encrypted: give its key"):
            import_gallery(store, out)
        with pytest.raises(InputError, match="not the key of"):
            import_gallery(store, out, SECRET[::-1])
        store.forget("Ada")
        assert import_gallery(store, out, SECRET) == 1


def place(document, *path):
    for key in path:
        document = document[key]
    return document


TEMPLATE = ("people", 1, "templates", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "something else"),
        (("format_version",), 2),
        (("more",), 1),
        (("identity", "feature_dim"), 1 << 40),
        (("people", 1, "name"), "\x1b[31m"),
        (("people", 1, "name"), "a" * 201),
        (("people", 1, "name"), 7),
        (("people", 1, "templates"), []),
        ((*TEMPLATE, "feature"), "AAAA"),
        ((*TEMPLATE, "feature"), "!" * 256),
        ((*TEMPLATE, "feature"), "A" * 256),  # zero
        ((*TEMPLATE, "feature"), "//9//" * 51 + "/"),
        ((*TEMPLATE, "added"), "yesterday"),
        ((*TEMPLATE, "source"), "a" * 1001),
        ((*TEMPLATE, "quality", "eyes"), "40"),
        ((*TEMPLATE, "quality", "more"), 1.0),
        ((*TEMPLATE, "crop"), "AAAA"),
    ],
)
def test_a_hostile_file_changes_nothing(gallery, exported, tmp_path, path, value):
    document = json.loads(exported.read_text())
    place(document, *path[:-1])[path[-1]] = value
    exported.write_text(json.dumps(document))
    with new_like(gallery, tmp_path / "new.gallery") as store:
        with pytest.raises(InputError):
            import_gallery(store, exported)
        assert store.people() == []
    names = sorted(tmp_path.iterdir())
    with pytest.raises(InputError):
        import_new_gallery(tmp_path / "another.gallery", exported)
    assert sorted(tmp_path.iterdir()) == names


def test_a_file_of_another_bundle_is_not_imported(gallery, exported):
    document = json.loads(exported.read_text())
    document["identity"]["features"] = "4" * 64
    exported.write_text(json.dumps(document))
    with pytest.raises(InputError, match="of another bundle or variant"):
        import_gallery(gallery.store, exported)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"kind"', '"kind": 1, "kind"'),
        lambda text: "[" * 100_000,
        lambda text: "",
        lambda text: "\x00\xff",
    ],
)
def test_a_file_that_is_no_gallery_is_told_in_a_line(gallery, exported, change):
    exported.write_text(change(exported.read_text()))
    with pytest.raises(InputError, match="no gallery in") as error:
        import_gallery(gallery.store, exported)
    assert "\n" not in str(error.value)
