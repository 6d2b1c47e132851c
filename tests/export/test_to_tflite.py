"""Tests for the scripts export/to_tflite.py and export/to_saved_model.py."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.data.synthetic_faces import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.deployment import load_bundle
from tf_sphereface.deployment.parity import DRIFT_BOUNDS, DriftBound
from tf_sphereface.evaluation.sources import load_embedding_source
from tf_sphereface.geometry import align_face

EXPORT = Path(__file__).parents[2] / "export"
PEOPLE, PHOTOS_EACH = 4, 4


def script(name):
    spec = importlib.util.spec_from_file_location(f"export_{name}", EXPORT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


to_tflite, to_saved_model = script("to_tflite.py"), script("to_saved_model.py")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("model") / "backbone.keras"
    SphereFaceCNN(4, embedding_dim=32, width=0.125).save(path)
    return path


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """LFW's naming: person_0/person_0_0001.png."""
    folder, rng = tmp_path_factory.mktemp("aligned"), np.random.default_rng(0)
    for person in range(PEOPLE):
        identity, place = sample_identity(rng), folder / f"person_{person}"
        place.mkdir()
        for number in range(1, PHOTOS_EACH + 1):
            photo = render_photo(identity, sample_capture(rng, max_yaw=20.0))
            crop = align_face(photo.image, photo.landmarks)
            Image.fromarray(crop).save(place / f"person_{person}_{number:04d}.png")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two folds with 6 genuine and 6 impostor pairs each."""
    lines = ["2\t6"]
    for first, second in ((0, 1), (2, 3)):
        for person in (first, second):
            lines += [f"person_{person}\t1\t{number}" for number in (2, 3, 4)]
        lines += [
            f"person_{first}\t{i}\tperson_{second}\t{j}"
            for i, j in ((1, 1), (2, 2), (3, 3), (4, 4), (1, 2), (2, 1))
        ]
    path = tmp_path_factory.mktemp("pairs") / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(module, *arguments):
    return module.main([str(argument) for argument in arguments])


def test_bundle_with_measured_thresholds(model, aligned, pairs, tmp_path, capsys):
    out = tmp_path / "bundle"
    options = ("--calibration", aligned, "--pairs", pairs, "--images", aligned)
    code = run(
        to_tflite, model, "--out", out, "--quantize", "dynamic", "none", *options
    )
    printed = capsys.readouterr()
    assert code == 0, printed.err
    result = json.loads(printed.out)
    contract = load_bundle(out).contract
    assert contract.default_variant == "dynamic"
    assert list(result["variants"]) == ["dynamic", "none"]
    for name, variant in contract.variants.items():
        assert variant.verification.pairs == 24
        assert 0.5 <= variant.verification.accuracy <= 1
        # 12 impostor pairs support a FAR of 0.1, and none of 0.01 and 0.001.
        assert set(variant.thresholds) == {"accuracy", "far_0.1"}
        assert set(variant.verification.tar_at_far) == {"far_0.1"}
        assert result["variants"][name]["thresholds"] == variant.thresholds
    first, second = contract.variants.values()
    assert first.thresholds["far_0.1"] != second.thresholds["far_0.1"]
    assert "FAR 0.01 needs" in printed.err


def test_threshold_keeps_its_false_accept_rate(model, aligned, pairs, tmp_path):
    out = tmp_path / "bundle"
    options = ("--calibration", aligned, "--pairs", pairs, "--images", aligned)
    assert run(to_tflite, model, "--out", out, "--no-mirror", *options) == 0
    bundle = load_bundle(out)
    assert bundle.contract.mirror is False
    embedder, scores = bundle.embedder(), []
    for first, second in ((0, 1), (2, 3)):
        for i, j in ((1, 1), (2, 2), (3, 3), (4, 4), (1, 2), (2, 1)):
            files = [
                aligned / f"person_{p}" / f"person_{p}_{n:04d}.png"
                for p, n in ((first, i), (second, j))
            ]
            crops = np.stack([np.asarray(Image.open(file)) for file in files])
            a, b = embedder.embed(crops).astype(np.float64)
            scores.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    threshold = bundle.contract.variants["none"].thresholds["far_0.1"]
    accepted = np.count_nonzero(np.array(scores) >= threshold - 1e-6)
    assert accepted <= 1  # of 12, FAR 0.1


def test_script_runs_from_a_checkout_and_stdout_is_json_only(model, aligned, tmp_path):
    command = [sys.executable, "export/to_tflite.py", model, "--out", tmp_path / "b"]
    result = subprocess.run(
        [*command, "--calibration", aligned],
        cwd=EXPORT.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["variants"]["none"]["drift"]["crops"] == 8
    assert (tmp_path / "b" / "contract.json").is_file()


def test_saved_model_is_an_embedding_source(model, aligned, tmp_path, capsys):
    out = tmp_path / "saved"
    assert run(to_saved_model, model, "--out", out, "--calibration", aligned) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["drift"]["min_cosine"] > 0.99999
    file = aligned / "person_0" / "person_0_0001.png"
    crop = np.asarray(Image.open(file))[None]
    saved, original = load_embedding_source(out), load_embedding_source(model)
    assert saved.kind == "saved_model"
    np.testing.assert_allclose(saved.embed(crop), original.embed(crop), atol=1e-5)


@pytest.mark.parametrize("module", [to_tflite, to_saved_model])
def test_gate_not_met_exits_with_1_and_writes_nothing(
    module, model, aligned, tmp_path, capsys, monkeypatch
):
    arguments = (model, "--out", tmp_path / "out", "--calibration", aligned)
    if module is to_tflite:
        arguments += ("--quantize", "int8", "--maximum-drift", "1e-9")
    else:  # which may be bit-identical to Keras: no cosine meets this bound
        monkeypatch.setitem(DRIFT_BOUNDS, "saved_model", DriftBound("min_cosine", 1.1))
    assert run(module, *arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error: the exported" in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [to_tflite, to_saved_model])
@pytest.mark.parametrize("problem", ["missing", "damaged", "existing", "calibration"])
def test_bad_input_exits_with_2_and_one_line(module, problem, model, tmp_path, capsys):
    out, options = tmp_path / "out", []
    if problem == "missing":
        model = tmp_path / "missing.keras"
    elif problem == "damaged":
        damaged = tmp_path / "damaged.keras"
        damaged.write_bytes(model.read_bytes()[:3000])
        model = damaged
    elif problem == "existing":
        out.mkdir()
    else:
        options = ["--calibration", tmp_path / "missing"]
    assert run(module, model, "--out", out, *options) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert not out.exists() or list(out.iterdir()) == []


@pytest.mark.parametrize("name", ["to_tflite", "to_saved_model"])
@pytest.mark.parametrize("problem", ["model", "out"])
def test_bad_paths_are_refused_before_tensorflow_is_loaded(name, problem, tmp_path):
    model, out = tmp_path / "model.keras", tmp_path / "out"
    if problem == "out":
        model.touch()
        out.mkdir()
    program = (
        "import sys; sys.path.insert(0, 'export')\n"
        f"import {name}; code = {name}.main(sys.argv[1:])\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, model, "--out", out],
        cwd=EXPORT.parent,
        capture_output=True,
        text=True,
    )
    expected = {"model": "no such model", "out": "output exists"}[problem]
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {expected}")


def test_missing_parents_of_out_are_made(model, aligned, tmp_path):
    out = tmp_path / "new" / "deeper" / "saved"
    assert run(to_saved_model, model, "--out", out, "--calibration", aligned) == 0
    assert (out / "contract.json").is_file()


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (to_tflite, ["--pairs", "pairs.txt"]),
        (to_tflite, ["--quantize", "none", "none"]),
        (to_tflite, ["--quantize", "int4"]),
        (to_tflite, ["--maximum-drift", "-1"]),
        (to_tflite, ["--maximum-drift", "nan"]),
        (to_saved_model, ["--maximum-drift", "-1"]),
        (to_saved_model, ["--maximum-drift", "nan"]),
    ],
)
def test_bad_options_exit_with_2(module, model, tmp_path, options):
    with pytest.raises(SystemExit) as caught:
        run(module, model, "--out", tmp_path / "out", *options)
    assert caught.value.code == 2


def test_unreadable_pairs_exit_with_2_before_the_conversion(
    model, aligned, tmp_path, capsys
):
    options = ("--pairs", tmp_path / "missing.txt", "--images", aligned)
    assert run(to_tflite, model, "--out", tmp_path / "out", *options) == 2
    assert capsys.readouterr().err.startswith("error: ")
