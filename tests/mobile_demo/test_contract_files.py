"""Files of the contract cases: what is committed, imported, and made of a bundle."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from case_makers.imports import IDENTITY
from case_makers.of_bundles import bundle_cases
from case_makers.weightless import weightless_cases
from tests.mobile_demo.test_contract import ROOT, assert_pictures, document
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.store import GalleryStore
from tf_sphereface.gallery.transfer import import_gallery


def test_imports_are_taken_or_refused_as_a_whole(tmp_path):
    about, file = document("imports"), tmp_path / "people.json"
    assert about["identity"] == IDENTITY.model_dump(mode="json")
    make_gallery(tmp_path / "refused.gallery", IDENTITY)
    with GalleryStore(tmp_path / "refused.gallery") as untouched:
        for number, case in enumerate(about["cases"]):
            text = case.get("text")
            if text is None:
                repeat = case["repeat"]
                ends = repeat["open"], repeat["close"]
                text = "".join(end * repeat["times"] for end in ends)
            file.write_text(text)
            if case["added"] is None:
                with pytest.raises(InputError):
                    pytest.fail(f"{case['name']}: {import_gallery(untouched, file)}")
            else:
                path = tmp_path / f"{number}.gallery"
                make_gallery(path, IDENTITY)
                with GalleryStore(path) as store:
                    assert import_gallery(store, file) == case["added"], case["name"]
                    assert len(store.people()) == case["people"], case["name"]
        assert untouched.people() == []


def assert_alike(made, kept, place):
    if isinstance(made, dict) and isinstance(kept, dict):
        assert made.keys() == kept.keys(), place
        for key in made:
            assert_alike(made[key], kept[key], f"{place}.{key}")
    elif isinstance(made, list) and isinstance(kept, list):
        assert len(made) == len(kept), place
        for number, pair in enumerate(zip(made, kept, strict=True)):
            assert_alike(*pair, f"{place}.{number}")
    elif isinstance(made, float) and isinstance(kept, int | float):
        assert made == pytest.approx(kept, abs=1e-5, rel=1e-6), place
    else:
        assert made == kept, place


def test_the_committed_cases_are_those_that_the_script_makes():
    made = weightless_cases()
    kept = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in ROOT.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert made.keys() == kept.keys()
    for name, content in made.items():
        if name.endswith(".json"):
            assert_alike(json.loads(content), json.loads(kept[name]), name)
        else:
            pictures = (
                np.array(Image.open(io.BytesIO(c))) for c in (content, kept[name])
            )
            assert_pictures(*pictures, {"grey_levels": 1, "share_of_bytes": 0.01})


def test_the_cases_stay_small_and_without_python():
    files = [path for path in ROOT.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 310_000
    assert {path.suffix for path in files} == {".json", ".md", ".png"}


def test_cases_of_a_bundle_are_what_its_embedder_computes(bundle):
    files = bundle_cases(bundle.path, 2)
    index = json.loads(files["cases.json"])
    about = json.loads(files[index["topics"]["faces"]])
    embedder, seen = Embedder(bundle, "dynamic"), 0
    for case in about["cases"]:
        pixels = np.array(Image.open(io.BytesIO(files[case["photo"]])))
        faces = embedder.find_faces(pixels)
        crops = embedder.crop_faces(pixels, faces)
        features = embedder.embed_crops(crops)
        for *found, expected in zip(faces, crops, features, case["faces"], strict=True):
            face, crop, feature = found
            np.testing.assert_allclose(face.landmarks, expected["landmarks"], atol=1e-6)
            kept = np.array(Image.open(io.BytesIO(files[expected["crop"]])))
            np.testing.assert_array_equal(crop, kept)
            stored = base64.b64decode(expected["features"]["dynamic"])
            np.testing.assert_array_equal(feature, np.frombuffer(stored, "<f4"))
            seen += 1
    assert seen > 8  # four photos each of two people, and the scene
    assert {f"decisions_{name}" for name in index["variants"]} < index["topics"].keys()
