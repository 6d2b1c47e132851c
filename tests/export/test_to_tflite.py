"""Tests for `sphereface export`, and for the scripts of the folder export/."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.commands.export.options import VARIANTS
from tf_sphereface.commands.main import main
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.deployment import load_bundle
from tf_sphereface.geometry import align_face

EXPORT = Path(__file__).parents[2] / "export"
PEOPLE, PHOTOS_EACH = 10, 4  # two people are held out


to_tflite, to_saved_model = "tflite", "saved-model"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("model") / "backbone.keras"
    SphereFaceCNN(4, embedding_dim=32, width_multiplier=0.125).save(path)
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


def run(format_name, *arguments):
    return main(["export", format_name, *(str(argument) for argument in arguments)])


def test_bundle_with_measured_thresholds(model, aligned, pairs, tmp_path, capfd):
    out = tmp_path / "bundle"
    options = ("--calibration", aligned, "--pairs", pairs, "--images", aligned)
    code = run(
        to_tflite, model, "--out", out, "--quantize", "dynamic", "none", *options
    )
    printed = capfd.readouterr()  # of the libraries in C++ too: stdout is JSON only
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
    assert first.cross_variant.verification.pairs == 24 and second.cross_variant is None
    assert "pairs.txt" in (out / "MODEL_CARD.md").read_text()


@pytest.mark.slow
def test_threshold_keeps_its_false_accept_rate(model, aligned, pairs, tmp_path):
    out = tmp_path / "bundle"
    options = ("--calibration", aligned, "--pairs", pairs, "--images", aligned)
    assert run(to_tflite, model, "--out", out, "--mirror", "none", *options) == 0
    bundle = load_bundle(out)
    assert bundle.contract.feature.mirror == "none"
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


@pytest.mark.slow
def test_script_runs_from_a_checkout_and_stdout_is_json_only(model, aligned, tmp_path):
    command = [sys.executable, "export/to_tflite.py", model, "--out", tmp_path / "b"]
    result = subprocess.run(
        [*command, "--calibration", aligned],
        cwd=EXPORT.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["variants"]["none"]["drift"]["crops"] == 8
    assert (tmp_path / "b" / "contract.json").is_file()


def test_gate_not_met_exits_with_1_and_the_bundle_says_so(
    model, aligned, tmp_path, capsys
):
    arguments = (model, "--out", tmp_path / "out", "--calibration", aligned)
    options = ("--quantize", "none", "int8", "--representative", "8")
    assert run(to_tflite, *arguments, *options, "--min-cosine", "1") == 1
    printed = capsys.readouterr()
    assert "gate: int8: mean cosine 0.9" in printed.err
    assert printed.err.count("next: another variant") == 1
    result = json.loads(printed.out)
    assert result["variants"]["none"]["gate"]["passed"]
    assert not result["variants"]["int8"]["gate"]["passed"]
    assert not load_bundle(tmp_path / "out").contract.variants["int8"].gate.passed


LIMITS = ("--min-cosine", "0.5", "--min-rank-agreement", "0.1")


@pytest.mark.slow
def test_all_variants_and_steps_inside(model, aligned, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    options = ("--calibration", aligned, "--representative", "8")
    assert run(to_tflite, model, "--out", first, "--quantize", "all", *options) in (
        0,
        1,
    )
    contract = load_bundle(first).contract
    assert list(contract.variants) == list(VARIANTS)
    quantizers = {
        each.quantization.quantizer
        for each in contract.variants.values()
        if each.quantization
    }
    assert quantizers == {"ai-edge-quantizer"}
    code = run(
        *(to_tflite, model, "--out", second, "--quantize", "int8", "fp16", *options),
        *("--inside", "pixels", "l2"),
        *LIMITS,
    )
    assert code == 0, capsys.readouterr().err
    contract = load_bundle(second).contract
    assert contract.default_variant == "int8"
    assert contract.feature.inside == ("pixels", "l2")


@pytest.mark.slow
def test_options_and_a_ready_file(model, bundle, aligned, tmp_path, capsys):
    ready, out = bundle.path / bundle.contract.variants["dynamic"].file, tmp_path / "b"
    code = run(
        *(to_tflite, model, "--out", out, "--quantize", "dynamic", *LIMITS),
        *("--add-variant", f"ready={ready}", "--keep-float", "conv1_1"),
        *("--licence", "MIT", "--calibration", aligned, "--representative", "8"),
    )
    assert code == 0, capsys.readouterr().err
    contract = load_bundle(out).contract
    assert set(contract.variants) == {"dynamic", "ready"}
    assert contract.model.licence == "MIT"
    assert contract.variants["dynamic"].quantization.kept_float == ("conv1_1",)
    assert contract.variants["ready"].quantization.kept_float == ()


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


@pytest.mark.quick_cases("model-tflite")
@pytest.mark.parametrize("name", ["tflite", "saved-model"])
@pytest.mark.parametrize("problem", ["model", "out"])
def test_bad_paths_are_refused_before_tensorflow_is_loaded(name, problem, tmp_path):
    model, out = tmp_path / "model.keras", tmp_path / "out"
    if problem == "out":
        model.touch()
        out.mkdir()
    program = (
        "import sys; from tf_sphereface.commands.main import main\n"
        "code = main(['export', *sys.argv[1:]])\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, name, model, "--out", out],
        capture_output=True,
        text=True,
    )
    expected = {"model": "no such model", "out": "output exists"}[problem]
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {expected}")


@pytest.mark.parametrize("name", ["tflite", "saved-model", "onnx"])
def test_every_script_is_its_format_of_the_command(name, monkeypatch, capsys):
    script = EXPORT / f"to_{name.replace('-', '_')}.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(script), run_name="__main__")
    assert caught.value.code == 0
    assert f"usage: sphereface export {name} " in capsys.readouterr().out


@pytest.mark.slow
def test_missing_parents_of_out_are_made(model, aligned, tmp_path):
    out = tmp_path / "new" / "deeper" / "saved"
    assert run(to_saved_model, model, "--out", out, "--calibration", aligned) == 0
    assert (out / "contract.json").is_file()


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (to_tflite, ["--pairs", "pairs.txt"]),
        (to_tflite, ["--quantize", "none", "none"]),
        (to_tflite, ["--quantize", "int3"]),
        (to_tflite, ["--min-cosine", "1.5"]),
        (to_tflite, ["--min-cosine", "nan"]),
        (to_tflite, ["--max-accuracy-drop", "-1"]),
        (to_tflite, ["--representative", "0"]),
        (to_tflite, ["--add-variant", "a.tflite"]),
        (to_tflite, ["--add-variant", "int8=a.tflite"]),
        (to_saved_model, ["--min-cosine", "-2"]),
        (to_saved_model, ["--min-cosine", "nan"]),
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
