"""The web demo in Chromium against the package: faces, landmarks, features, decisions.

Of the bundle of BUNDLE=DIR or of the quickstart; if there is neither, of the tests' own
tiny one, which has no thresholds and hence no decisions.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from case_makers.cascade import described
from case_makers.case_folder import packed, write_files
from case_makers.of_bundles import bundle_cases
from tf_sphereface.bundle import Embedder, load_bundle
from tf_sphereface.data.photos.images import read_photo

pytestmark = [pytest.mark.web, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
WEB = ROOT / "mobile_demo" / "web"
LFW = ROOT.parent / "shared" / "data" / "lfw"
PAIRS = 100  # of each kind
# A last bit of a float is a step of an integer where activations are quantised.
LEAST_COSINES = {"int8": 0.999, "int4": 0.999}
MOST_PIXELS = 0.05


@pytest.fixture(scope="module")
def site():
    for program in ("npm", os.environ.get("CHROMIUM", "chromium")):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    if not (WEB / "node_modules" / "esbuild").is_dir():
        subprocess.run(["npm", "ci"], cwd=WEB, check=True)
    subprocess.run(["npm", "run", "build"], cwd=WEB, check=True)


@pytest.fixture(scope="module")
def used_bundle(request):
    given = Path(os.environ.get("BUNDLE", ROOT / "runs" / "quickstart" / "bundle"))
    if not given.is_dir():
        given = request.getfixturevalue("bundle")
    return load_bundle(given)


def report_of(bundle, cases, photos):
    """Differences between what the page computes and the cases of a folder."""
    command = ["node", "tests/parity.mjs", bundle.path.resolve(), cases, photos]
    run = subprocess.run(
        list(map(str, command)), cwd=WEB, capture_output=True, text=True, timeout=3000
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def assert_alike(report, photos):
    assert report["photos"] == photos
    assert report["faces"] > 0
    assert report["miscounted"] == []
    assert report["landmarks"] <= MOST_PIXELS
    assert "none" in report["cosines"]
    for variant, cosine in report["cosines"].items():
        assert cosine >= LEAST_COSINES.get(variant, 0.9999), variant


def test_page_computes_the_cases_of_a_bundle(site, used_bundle, tmp_path):
    files = bundle_cases(used_bundle.path, people=4)
    write_files(files, tmp_path)
    report = report_of(used_bundle, tmp_path, tmp_path)
    assert_alike(report, len(json.loads(files["faces.json"])["cases"]))
    told = json.loads(files["identity.json"])["cases"]
    known = {case["name"]: case["expected"] for case in told}
    assert report["identities"] == [known[name] for name in report["cosines"]]
    for variant, decisions in report["decisions"].items():
        assert decisions["asked"] > 0, variant
        assert decisions["wrong"] == [], variant
        enrolled = json.loads(files[f"decisions_{variant}.json"])["enrolled"]
        people = len({one["person"] for one in enrolled})
        assert decisions["gallery"] == {
            "renamed": ["name", people],  # there is a person of that name
            "left": 0,
            "hostile": "gallery",
            "taken": [
                {"people": people, "templates": len(enrolled)},
                {"people": 0, "templates": 0},
            ],
            "people": people,
        }


def test_page_decides_pairs_of_lfw_as_the_package(site, used_bundle, tmp_path):
    if not LFW.is_dir():
        pytest.skip(f"no LFW in {LFW}")
    pairs = lfw_pairs((LFW / "pairs.txt").read_text().splitlines())
    names = sorted({name for pair in pairs for name in pair})
    variants = [n for n, v in used_bundle.contract.variants.items() if v.gate.passed]
    embedders = {name: Embedder(used_bundle, name, threads=1) for name in variants}
    cases, features = [], {}
    for name in names:
        photo = read_photo(LFW / "images" / name)
        faces = embedders[variants[0]].find_faces(photo)
        crops = embedders[variants[0]].crop_faces(photo, faces)
        rows = {n: embedder.embed_crops(crops) for n, embedder in embedders.items()}
        features[name] = rows
        cases.append({"name": name, "photo": name, "faces": []})
        for number, face in enumerate(faces):
            mine = {variant: packed(rows[variant][number]) for variant in variants}
            told = described(face)
            if np.isnan(told["confidence"]):  # of a bundle with one opinion
                told["confidence"] = None
            cases[-1]["faces"].append({**told, "features": mine})
    write_json(tmp_path / "faces.json", {"cases": cases})
    places = [[names.index(name) for name in pair] for pair in pairs]
    write_json(tmp_path / "pairs.json", places)
    report = report_of(used_bundle, tmp_path, LFW / "images")
    assert_alike(report, len(names))
    for variant, scores in report["scores"].items():
        threshold = embedders[variant].threshold(0.01)
        compared = 0
        for pair, score in zip(pairs, scores, strict=True):
            rows = [features[name][variant] for name in pair]
            if not all(map(len, rows)):
                continue
            expected = embedders[variant].score(rows[0][0], rows[1][0])
            assert score == pytest.approx([expected], abs=0.02)
            compared += 1
            if threshold is not None:
                assert (score[0] >= threshold) == (expected >= threshold), pair
        assert compared >= 0.95 * len(pairs)


def lfw_pairs(lines):
    """The first genuine and impostor pairs, as names of photos."""

    def photo(person, number):
        return f"{person}/{person}_{int(number):04}.jpg"

    rows = [line.split("\t") for line in lines[1:]]
    genuine = [(photo(r[0], r[1]), photo(r[0], r[2])) for r in rows if len(r) == 3]
    impostor = [(photo(r[0], r[1]), photo(r[2], r[3])) for r in rows if len(r) == 4]
    return genuine[:PAIRS] + impostor[:PAIRS]


def write_json(path, content):
    path.write_text(json.dumps(content, default=np.ndarray.tolist, allow_nan=False))
