"""Tests for the command `sphereface bundle`."""

import json
import re
import subprocess
import sys

import pytest
from PIL import Image

from tests.deployment.checking.small_bundle import COMPARED, copy, whole
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.tflite_metadata import read_metadata, with_metadata
from tf_sphereface.commands.bundle import main
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.evaluation import make_pairs, write_lfw_pairs
from tf_sphereface.files import sha256_of
from tf_sphereface.preprocessing import PixelContract

__all__ = ["copy", "whole"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """(folder of rendered crops, pair list)."""
    folder = tmp_path_factory.mktemp("pairs")
    for index, face in enumerate(synthetic_faces(PixelContract(), 8, 2)):
        place = folder / f"crops/person{index // 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.crop).save(place / f"{index % 2}.png")
    write_lfw_pairs(make_pairs(folder / "crops", 2, 4, 0), folder / "pairs.txt")
    return folder / "crops", folder / "pairs.txt"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_a_whole_bundle_exits_with_0(whole, capsys):
    assert run("verify", whole) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["holds"] is True and result["differences"] == []
    assert (result["files"], result["golden_faces"]) == (13, 2)
    assert "none (default)" in printed.err and "dynamic" in printed.err
    assert run("verify", whole, "--json") == 0
    assert capsys.readouterr().err == ""


def test_each_difference_is_a_line_and_exits_with_1(copy, capsys):
    (copy / "notes.txt").write_text("x")
    (copy / "contract.schema.json").unlink()
    assert run("verify", copy, "--json") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["holds"] is False
    assert printed.err.splitlines() == [
        "differs: contract.schema.json: missing",
        "differs: notes.txt: the contract does not name it",
    ]


def test_what_is_no_bundle_exits_with_2(tmp_path, whole, capsys):
    for action in ("verify", "show"):
        assert run(action, tmp_path) == 2
        assert "error: not a bundle" in capsys.readouterr().err
    assert run("verify", whole, "--pairs", tmp_path / "pairs.txt") == 2
    assert "belong together" in capsys.readouterr().err
    assert run("verify", whole, "--calibration", tmp_path) == 2
    assert "--calibration needs --model" in capsys.readouterr().err
    assert run("verify", whole, "--model", tmp_path / "missing.keras") == 2
    assert "no such model" in capsys.readouterr().err


def test_the_drift_is_measured_again(whole, copy, capsys):
    model = whole.parent / "model.keras"
    assert run("verify", whole, "--model", model, "--json") == 0
    measured = json.loads(capsys.readouterr().out)["measured"]
    assert measured["none"]["drift"]["min_cosine"] > 0.999999
    assert 0.99 < measured["dynamic"]["drift"]["mean_cosine"] < 1
    change(copy, "dynamic", {"drift": drift(0.9)})
    assert run("verify", copy, "--model", model, "--json") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("differs: dynamic: ") for line in lines)


@pytest.mark.slow
def test_another_model_is_told(copy, whole, capsys):
    contract = BundleContract.read(copy / "contract.json")
    model = contract.model.model_copy(update={"sha256": "0" * 64})
    contract.model_copy(update={"model": model}).write(copy / "contract.json")
    assert run("verify", copy, "--model", whole.parent / "model.keras", "--json") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "model.keras: not the model that was exported" in line


def test_accuracy_and_thresholds_are_measured_again(copy, pairs, capsys):
    options = ("--images", pairs[0], "--pairs", pairs[1], "--json")
    assert run("verify", copy, *options) == 1
    printed = capsys.readouterr()
    assert printed.err.count("the contract has no measurement to compare with") == 2
    found = json.loads(printed.out)["measured"]
    for name in ("none", "dynamic"):
        change(copy, name, found[name])
    assert run("verify", copy, *options) == 0
    capsys.readouterr()
    verification = found["dynamic"]["verification"]
    better = {**verification, "accuracy": verification["accuracy"] / 2}
    change(copy, "dynamic", {"verification": better})
    assert run("verify", copy, *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("differs: dynamic: accuracy is ")


def test_show_prints_the_variants_and_what_failed(copy, capsys):
    failed = {"passed": False, "failures": ["min_cosine 0.9 is below [0.99]"]}
    change(copy, "dynamic", {"gate": failed, "thresholds": {"far_0.01": 0.25}})
    assert run("show", copy) == 0
    printed = capsys.readouterr().out
    assert "none (default)" in printed and "0.2500" in printed
    assert "FAILED dynamic: min_cosine 0.9 is below [0.99]" in printed
    assert run("show", copy, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((copy / "contract.json").read_text())


def test_no_figure_is_cut_on_a_narrow_terminal(copy, capsys, monkeypatch):
    ranks = {
        "gallery": 2,
        "probes": 2,
        "same_gallery": 0.98765,
        "float_gallery": 0.87654,
    }
    measured = {"pairs": 20, "accuracy": 0.76543, "tar_at_far": {"far_0.01": 0.65432}}
    parts = {"rank": ranks, "verification": measured, "thresholds": {"far_0.01": 0.25}}
    change(copy, "dynamic", {**parts, "drift": drift(0.91234)})
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("show", copy) == 0
    printed = re.sub("\x1b.*?m", "", capsys.readouterr().out)
    figures = ("0.91234", "0.9877", "0.8765", "0.7654", "0.6543", "0.2500", "passed")
    assert all(figure in printed for figure in figures)
    assert "…" not in printed and max(map(len, printed.splitlines())) <= 80


def test_a_signed_bundle_holds_for_its_key_alone(copy, tmp_path, capsys):
    pytest.importorskip("cryptography")
    for name in ("key", "other"):
        capsys.readouterr()
        assert run("keygen", tmp_path / name) == 0
    assert json.loads(capsys.readouterr().out) == {
        "private_key": str(tmp_path / "other"),
        "public_key": str(tmp_path / "other.pub"),
    }
    assert run("verify", copy, "--trust", tmp_path / "key.pub") == 2
    assert capsys.readouterr().err.startswith("error: not signed: ")
    assert run("sign", copy, "--key", tmp_path / "key") == 0
    signature = copy / "contract.json.sha256.sig"
    assert json.loads(capsys.readouterr().out)["signature"] == str(signature)
    assert run("verify", copy, "--trust", tmp_path / "key.pub") == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []
    assert run("show", copy, "--trust", tmp_path / "other.pub") == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    (copy / "detector/contract.json.sha256.sig").write_bytes(b"x")
    assert run("verify", copy, "--json") == 1
    assert "the contract does not name it" in capsys.readouterr().err


def test_without_a_model_tensorflow_is_not_loaded(whole):
    program = (
        "import sys; from tf_sphereface.commands.bundle import main; "
        f"codes = [main(['verify', {str(whole)!r}]), main(['show', {str(whole)!r}])]; "
        "print(codes, {'tensorflow', 'keras'} & set(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stderr.splitlines()[-1] == "[0, 0] set()"


def drift(cosine):
    return {
        "mean_cosine": cosine,
        "p01_cosine": cosine,
        "min_cosine": cosine,
        "crops": COMPARED,
    }


def change(bundle, name, values):
    """Puts values into a variant's record, and its thresholds into its file."""
    content = json.loads((bundle / "contract.json").read_text())
    record = content["variants"][name]
    record.update(values)
    path = bundle / record["file"]
    file = path.read_bytes()
    said = read_metadata(file).model_copy(update={"thresholds": record["thresholds"]})
    path.write_bytes(with_metadata(file, said))
    record.update(sha256=sha256_of(path), bytes=path.stat().st_size)
    BundleContract.model_validate(content).write(bundle / "contract.json")
